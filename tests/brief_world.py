"""A small invented world for the tests of the brief, labelled simulated: every table that the brief reads."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pyarrow as pa

from tumen.brief.desk import Subject
from tumen.evidence import Node
from tumen.tables import TABLES

DRAWS = 200
START, END, AS_OF = dt.date(2023, 8, 1), dt.date(2024, 7, 31), dt.date(2024, 9, 1)
MONTHS = [dt.date(2023 + (7 + i) // 12, (7 + i) % 12 + 1, 1) for i in range(12)]
BASES = ("export_price", "russian_cost", "western_replacement")
TRADES = ("veto", "submarine", "space_reentry", "far_east_ops", "goods", "cash")
MAKER = "feedfacecafe0001"


def about(lang: str = "en", simulated: bool = True) -> Subject:
    """The invented case."""
    ko = lang == "ko"
    return Subject(
        name="drill",
        title="연습" if ko else "Drill",
        question="누가 누구에게 빚졌는가?" if ko else "Who owes whom?",
        origin="PRK",
        recipient="RUS",
        start=START,
        end=END,
        as_of=AS_OF,
        simulated=simulated,
        places={
            "Najin": "나진", "Vostochny": "보스토치니", "Dunay": "두나이", "Vladivostok": "블라디보스토크",
            "Tumangang": "두만강역", "Tikhoretsk depot": "티호레츠크 탄약고", "Mozdok depot": "모즈도크 탄약고",
        },
    )  # fmt: skip


class World:
    """Tables and the evidence behind them."""

    def __init__(self, seed: int = 7) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: dict[str, Node] = {}
        self._count = 0
        self.nodes["source:s-1"] = Node(
            "source:s-1", "source", "Agency: A report", "2024-03", grade="B (usually reliable)"
        )
        self.nodes[MAKER] = Node(MAKER, "computation", "computed by the step 'count'", children=("source:s-1",))
        self.tables: dict[str, pa.Table] = {}
        for make in (
            self._sources, self._places, self._looks, self._draws, self._headline, self._claims, self._account,
            self._front, self._judge, self._diagnostics,
        ):  # fmt: skip
            make()

    def evidence(self, why: str) -> Node | None:
        """The lookup."""
        return self.nodes.get(why)

    def made_by(self) -> dict[str, str]:
        """Makers of the draws tables."""
        return {"visits": MAKER, "voyages": MAKER, "cargo": MAKER}

    def id(self, label: str, kind: str = "row") -> str:
        """A new evidence id that leads to the one source."""
        self._count += 1
        why = f"e{self._count:015x}"
        self.nodes[why] = Node(why, kind, label, "table", children=(MAKER,) if kind == "row" else ("source:s-1",))
        return why

    def put(self, name: str, rows: list[dict[str, object]]) -> None:
        """Build a table, filling columns that the test does not care for."""
        declared = TABLES[name]
        for row in rows:
            for column in declared.columns:
                if column.name in row or column.null is not None:
                    continue
                row[column.name] = _filler(column.type)
            if not declared.draws and not row.get("evidence_id"):
                row["evidence_id"] = self.id(f"{name} row")
        self.tables[name] = declared.build(rows)

    def _sources(self) -> None:
        self.put(
            "sources",
            [
                {
                    "source_id": "s-1", "publisher": "Agency", "title": "A report", "date_text": "2024-03",
                    "published": dt.date(2024, 3, 31), "url": "https://example.org/a", "kind": "press",
                    "reliability": "B", "why": "Agency", "seen": True,
                }
            ],
        )  # fmt: skip

    def _places(self) -> None:
        spots = [
            ("Najin", "port", "origin", "KP", 42.25, 130.2833), ("Vostochny", "port", "destination", "RU", 42.7333, 133.0667),
            ("Dunay", "port", "destination", "RU", 42.88, 132.34), ("Vladivostok", "port", "other", "RU", 43.11, 131.88),
            ("Tumangang", "railyard", "other", "KP", 42.41, 130.61), ("Tikhoretsk depot", "depot", "other", "RU", 45.9, 40.1),
            ("Mozdok depot", "depot", "other", "RU", 43.74, 44.65),
        ]  # fmt: skip
        self.put(
            "places",
            [
                {"place": p, "kind": k, "role": r, "country": c, "lat": a, "lon": o, "source_id": "s-1"}
                for p, k, r, c, a, o in spots
            ],
        )

    def _looks(self) -> None:
        rows = []
        for day in range(0, 360, 3):
            at = dt.datetime(2023, 8, 3, 3, tzinfo=dt.UTC) + dt.timedelta(days=day)
            usable = float(self.rng.choice([0.1, 1.0], p=[0.3, 0.7]))
            rows.append(
                {
                    "look_id": f"l{day}", "place": "Najin", "start": at, "end": at, "sensor": "Planet", "collector": "X",
                    "usable_share": usable, "vessel_present": None if usable < 0.5 else bool(self.rng.random() < 0.4),
                    "published": dt.date(2024, 3, 1), "origin": "simulated", "source_ids": ["s-1"],
                }
            )  # fmt: skip
        self.put("looks", rows)
        self.put(
            "sightings",
            [
                {
                    "sighting_id": f"s{i}", "place": p, "start": rows[i]["start"], "end": rows[i]["end"], "what": "vessel",
                    "confidence": 0.9, "origin": "simulated", "report_ids": [], "published": dt.date(2024, 3, 1),
                    "source_ids": ["s-1"],
                }
                for i, p in enumerate(["Najin"] * 20 + ["Dunay"] * 6 + ["Vostochny"] * 9)
            ],
        )  # fmt: skip

    def _draws(self) -> None:
        visits, voyages, cargo = [], [], []
        for month in MONTHS:
            seen, unseen = self.rng.poisson(2.2, DRAWS), self.rng.poisson(1.4, DRAWS)
            for d in range(DRAWS):
                visits.append(
                    {
                        "draw": d,
                        "place": "Najin",
                        "month": month,
                        "ship": "Angara",
                        "seen": int(seen[d]),
                        "unseen": int(unseen[d]),
                    }
                )
                for end in ("Dunay", "Vostochny", "unknown"):
                    voyages.append(
                        {
                            "draw": d,
                            "month": month,
                            "origin": "Najin",
                            "destination": end,
                            "ship": "Angara",
                            "voyages": int(self.rng.poisson(1.0)),
                        }
                    )
                cargo.append(
                    {
                        "draw": d,
                        "month": month,
                        "stream": "sea",
                        "commodity": "containers",
                        "quantity": float(seen[d] * 250),
                    }
                )
        self.put("visits", visits)
        self.put("voyages", voyages)
        self.put("cargo", cargo)

    def _headline(self) -> None:
        figures = [
            ("visits", 43, 35, 54, "visits"), ("voyages", 36, 29, 45, "voyages"), ("containers", 15_812, 11_020, 21_400, "containers"),
            ("rounds", 5.41e6, 4.12e6, 7.03e6, "rounds"), ("value_usd", 9.8e9, 6.1e9, 14.9e9, "USD"),
            ("returned_usd", 2.1e9, 1.2e9, 3.4e9, "USD"), ("owed_usd", 7.6e9, 3.9e9, 12.6e9, "USD"),
            ("share_of_russian_fire", 0.38, 0.27, 0.49, "share"),
        ]  # fmt: skip
        self.put(
            "headline",
            [
                {
                    "figure": f, "median": float(m), "low90": float(a), "high90": float(b), "unit": u, "as_of": AS_OF,
                    "why": MAKER, "text": f, "evidence_id": self.id(f"headline {f}", "figure"),
                }
                for f, m, a, b, u in figures
            ],
        )  # fmt: skip

    def _claims(self) -> None:
        told, compared = [], []
        rows = [
            ("rounds", "at_least", None, 3e6, None, "evidence", 2.6e6), ("rounds", "range", 4e6, None, 6e6, "evidence", 5.4e6),
            ("rounds", "up_to", None, 9e6, None, "check", 5.0e6), ("containers", "exactly", None, 6700, None, "evidence", 6100),
            ("containers", "exactly", None, 15800, None, "derived: adds nothing", 14900), ("rounds", "capacity_152", None, 3.3e6, None, "derived: adds nothing", 2.9e6),
        ]  # fmt: skip
        for i, (quantity, reading, low, point, high, used, middle) in enumerate(rows):
            shared = {
                "claim_id": f"c{i}",
                "quantity": quantity,
                "reading": reading,
                "origin_group": f"Origin {i}",
                "unit": quantity,
            }
            told.append(
                shared | {"label": f"{quantity} sent", "low": low, "point": point, "high": high, "direction": "PRK->RUS", "scope": "all",
                          "period_start": START, "period_end": MONTHS[6], "published": MONTHS[8], "independence": "claim", "use": "evidence", "source_id": "s-1"}
            )  # fmt: skip
            compared.append(
                shared | {"claimed_low": low, "claimed": point, "claimed_high": high, "expected_median": middle, "expected_low90": middle * 0.7,
                          "expected_high90": middle * 1.4, "surprise": 0.02 if i == 2 else 0.5, "used": used}
            )  # fmt: skip
        self.put("claims", told)
        self.put("claims_compared", compared)
        self.put(
            "origins",
            [{"origin_group": "Origin 0", "claims": 3.0, "bias_median": 1.1, "bias_low90": 0.8, "bias_high90": 1.6,
              "rounds_without_median": 5.2e6, "rounds_without_low90": 3.9e6, "rounds_without_high90": 7.1e6}],
        )  # fmt: skip

    def _account(self) -> None:
        scale = {"export_price": 1.0, "russian_cost": 0.6, "western_replacement": 2.2}
        rows = []
        for basis in BASES:
            for i, month in enumerate(MONTHS):
                given, returned = 9.8e9 * scale[basis] * (i + 1) / 12, 2.1e9 * (i + 1) / 12
                rows.append({"month": month, "basis": basis, "given_median": given, "returned_median": returned, "inferred_median": 0.0,
                             "owed_median": given - returned, "owed_low90": (given - returned) * 0.5, "owed_high90": (given - returned) * 1.6})  # fmt: skip
        self.put("balance", rows)
        flows = [("PRK", "RUS", "rounds_152", 5.6e9), ("PRK", "RUS", "rockets_122", 2.4e9), ("PRK", "RUS", "missiles", 1.7e9), ("PRK", "RUS", "mortar_120", 0.05e9),
                 ("RUS", "PRK", "oil", 1.2e9), ("RUS", "PRK", "food", 0.5e9), ("RUS", "PRK", "air_defence", 0.4e9)]  # fmt: skip
        self.put("flows", [{"payer": a, "payee": b, "commodity": c, "label": "", "label_ko": "", "certainty": "counted", "basis": "export_price",
                            "usd_median": v, "usd_low90": v * 0.6, "usd_high90": v * 1.5} for a, b, c, v in flows])  # fmt: skip
        self.put("entries", [{"entry_id": f"en{i}", "start": START, "end": END, "payer": a, "payee": b, "commodity": c, "label": "", "label_ko": "",
                              "quantity_median": 1e6, "quantity_low90": 8e5, "quantity_high90": 1.3e6, "unit": "rounds", "status": "inferred", "role": "counted",
                              "usd_median": v, "usd_low90": v * 0.6, "usd_high90": v * 1.5, "source_ids": ["s-1"], "text": "x"} for i, (a, b, c, v) in enumerate(flows)])  # fmt: skip

    def _front(self) -> None:
        rows = []
        for i in range(52):
            week = dt.date(2023, 8, 7) + dt.timedelta(weeks=i)
            for side, scenario, level in (
                ("RUS", "with", 10_000 + 3000 * math.sin(i / 8)),
                ("RUS", "without", 6500),
                ("UKR", "with", 3000 + 40 * i),
            ):
                rows.append(
                    {
                        "week": week,
                        "side": side,
                        "scenario": scenario,
                        "fired_median": level,
                        "fired_low90": level * 0.8,
                        "fired_high90": level * 1.25,
                        "projected": False,
                    }
                )
        self.put("front", rows)
        self.put(
            "front_answers",
            [
                {
                    "answer": "a",
                    "unit": "share",
                    "share_of_draws": 1.0,
                    "text": "Fire would have fallen by a third.",
                    "text_ko": "포격은 3분의 1 줄었을 것이다.",
                }
            ],
        )

    def _judge(self) -> None:
        words = [
            ("almost certain", "거의 확실"),
            ("likely", "가능성 높음"),
            ("realistic possibility", "현실적 가능성"),
            ("highly unlikely", "가능성 매우 낮음"),
            ("likely", "가능성 높음"),
            ("unlikely", "가능성 낮음"),
        ]
        trades, drivers = [], []
        for (en, ko), trade, end in zip(words, TRADES, (0.97, 0.66, 0.45, 0.15, 0.7, 0.3), strict=True):
            for i, month in enumerate(MONTHS):
                p = 0.3 + (end - 0.3) * i / 11
                trades.append({"trade": trade, "date": month, "probability": p, "low90": p * 0.8, "high90": min(1, p * 1.2), "word": en, "word_ko": ko,
                               "prior": 0.3, "kind": "trade", "label": "", "label_ko": "", "text": "t", "text_ko": "t"})  # fmt: skip
            drivers.append(
                {
                    "trade": trade,
                    "kind": "finding",
                    "indicator_id": f"i-{trade}",
                    "without": 0.3,
                    "moved": 0.21,
                    "text": f"A sign of {trade}",
                    "text_ko": "징후",
                }
            )
        self.put("trades", trades)
        self.put("drivers", drivers)
        self.put("redlines", [
            {"redline": "r1", "text": "x", "state": "crossed", "crossed_on": MONTHS[7], "share_crossed": 0.9, "label": "A veto ends the panel", "label_ko": "거부권으로 패널 종료", "why": "The vote.", "why_ko": "표결 결과."},
            {"redline": "r2", "text": "x", "state": "open", "share_crossed": 0.1, "label": "A reactor is sold", "label_ko": "원자로 판매", "why": "Nothing seen.", "why_ko": "확인된 바 없음."},
        ])  # fmt: skip
        self.put("options", [
            {"option": f"o{i}", "card": c, "label": label, "label_ko": ko, "text": "t", "text_ko": "t", "acts_on": acts, "cost": "medium", "delay_days": 90.0, "who_must_agree": ["ROK"],
             "effect_median": 2.0 - i, "effect_low90": -1.0, "effect_high90": 4.0, "rank": float(i + 1), "share_best": 0.5, "status": "announced", "covered": True}
            for i, (c, label, ko, acts) in enumerate([("alliance_solidarity", "Shells for Ukraine", "우크라이나에 포탄 지원", ["veto", "goods"]), ("anti_submarine", "Joint drills", "연합 대잠훈련", ["submarine"])])
        ])  # fmt: skip
        self.put(
            "packages",
            [
                {
                    "package": "p",
                    "label": "Both",
                    "label_ko": "둘 다",
                    "options": ["o0", "o1"],
                    "effect_median": 3.0,
                    "effect_low90": 1.0,
                    "effect_high90": 5.0,
                    "rank": 1.0,
                    "share_best": 0.7,
                }
            ],
        )
        self.put("collect", [{"observation": "x", "text": "Reactor parts at a yard", "text_ko": "조선소의 원자로 부품", "where": "Sinpo", "where_ko": "신포", "when": "weekly", "when_ko": "매주",
                              "trade": "submarine", "value": 0.12, "value_low90": 0.05, "value_high90": 0.2, "rank": 1.0}])  # fmt: skip

    def _diagnostics(self) -> None:
        self.put("diagnostics", [
            {"step": "count", "name": "effective sample size", "value": 900.0, "limit": 400.0, "passed": True, "text": "Enough."},
            {"step": "weigh", "name": "claims agree", "value": 0.01, "limit": 0.05, "passed": False, "text": "One claim does not fit."},
        ])  # fmt: skip


def _filler(kind: pa.DataType) -> object:
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        return ""
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_list(kind):
        return []
    if pa.types.is_date(kind):
        return START
    if pa.types.is_timestamp(kind):
        return dt.datetime(2023, 8, 1, tzinfo=dt.UTC)
    return 0.0 if pa.types.is_floating(kind) else 0


def folder(tmp: Path) -> Path:
    """Where a test writes."""
    return tmp / "out"
