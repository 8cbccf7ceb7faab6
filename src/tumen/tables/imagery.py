"""What images tell: detections, berth states, chips."""
