"""Who was where and when, and how sure: reports, images and AIS brought together."""

from tumen.sightings.ais_looks import ais_looks
from tumen.sightings.image_looks import within_berths
from tumen.sightings.match import MatchSettings, match, near_images
from tumen.sightings.merge import merge_reports

__all__ = ["MatchSettings", "ais_looks", "match", "merge_reports", "near_images", "within_berths"]
