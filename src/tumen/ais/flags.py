"""Who an MMSI belongs to: kind of station and flag by the maritime identification digits (MID).

The allocations are those of the ITU (Table of Maritime Identification Digits), as ISO 3166 alpha-2.
The check digit of an IMO number is that of IMO resolution A.1117(30).
"""

from __future__ import annotations

_MID = """
AL201 AD202 AT203 PT204 BE205 BY206 BG207 VA208 CY209 CY210 DE211 CY212 GE213 MD214 MT215 AM216 DE218 DK219 DK220
ES224 ES225 FR226 FR227 FR228 MT229 FI230 FO231 GB232 GB233 GB234 GB235 GI236 GR237 HR238 GR239 GR240 GR241 MA242
HU243 NL244 NL245 NL246 IT247 MT248 MT249 IE250 IS251 LI252 LU253 MC254 PT255 MT256 NO257 NO258 NO259 PL261 ME262
PT263 RO264 SE265 SE266 SK267 SM268 CH269 CZ270 TR271 UA272 RU273 MK274 LV275 EE276 LT277 SI278 RS279
AI301 US303 AG304 AG305 CW306 AW307 BS308 BS309 BM310 BS311 BZ312 BB314 CA316 KY319 CR321 CU323 DM325 DO327 GP329
GD330 GL331 GT332 HN334 HT336 US338 JM339 KN341 LC343 MX345 MQ347 MS348 NI350 PA351 PA352 PA353 PA354 PA355 PA356
PA357 PR358 SV359 PM361 TT362 TC364 US366 US367 US368 US369 PA370 PA371 PA372 PA373 PA374 VC375 VC376 VC377 VG378
VI379 AF401 SA403 BD405 BH408 BT410 CN412 CN413 CN414 TW416 LK417 IN419 IR422 AZ423 IQ425 IL428 JP431 JP432 TM434
KZ436 UZ437 JO438 KR440 KR441 PS443 KP445 KW447 LB450 KG451 MO453 MV455 MN457 NP459 OM461 PK463 QA466 SY468 AE470
AE471 TJ472 YE473 YE475 HK477 BA478 TF501 AU503 MM506 BN508 FM510 PW511 NZ512 KH514 KH515 CX516 CK518 FJ520 CC523
ID525 KI529 LA531 MY533 MP536 MH538 NC540 NU542 NR544 PF546 PH548 TL550 PG553 PN555 SB557 AS559 WS561 SG563 SG564
SG565 SG566 TH567 TO570 TV572 VN574 VU576 VU577 WF578 ZA601 AO603 DZ605 TF607 SH608 BI609 BJ610 BW611 CF612 CM613
CG615 KM616 CV617 TF618 CI619 KM620 DJ621 EG622 ET624 ER625 GA626 GH627 GM629 GW630 GQ631 GN632 BF633 KE634 TF635
LR636 LR637 SS638 LY642 LS644 MU645 MG647 ML649 MZ650 MR654 MW655 NE656 NG657 NA659 RE660 RW661 SD662 SN663 SC664
SH665 SO666 SL667 ST668 SZ669 TD670 TG671 TN672 TZ674 UG675 CD676 TZ677 ZM678 ZW679 AR701 BR710 BO720 CL725 CO730
EC735 FK740 GF745 GY750 PY755 PE760 SR765 UY770 VE775
"""
FLAG_OF_MID = {int(word[2:]): word[:2] for word in _MID.split()}


def kind_and_flag(mmsi: int) -> tuple[str, str | None]:
    """Kind of station and flag of an MMSI (ITU-R M.585).

    >>> kind_and_flag(273413400)
    ('ship', 'RU')
    >>> kind_and_flag(2573105)
    ('coast station', 'NO')
    """
    if mmsi <= 0 or mmsi > 999_999_999:
        return "other", None
    text = f"{mmsi:09d}"
    for prefix, kind, place in (
        ("00", "coast station", 2), ("0", "group", 1), ("111", "aircraft", 3), ("99", "aid", 2), ("98", "craft", 2),
        ("970", "distress", 0), ("972", "distress", 0), ("974", "distress", 0), ("8", "handheld", 1),
    ):  # fmt: skip
        if text.startswith(prefix):
            return kind, FLAG_OF_MID.get(int(text[place : place + 3])) if place else None
    if "2" <= text[0] <= "7":
        return "ship", FLAG_OF_MID.get(int(text[:3]))
    return "other", None


def imo_valid(number: int) -> bool:
    """Does the check digit of a seven-digit IMO number fit?

    >>> imo_valid(9179842), imo_valid(9179843)
    (True, False)
    """
    if not 1_000_000 <= number <= 9_999_999:
        return False
    digits = [int(c) for c in str(number)]
    return sum(d * w for d, w in zip(digits[:6], range(7, 1, -1), strict=True)) % 10 == digits[6]
