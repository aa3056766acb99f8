"""Answers announced in other languages: "答案：18", "Die Antwort ist 18", "Jawaban: 18", "答：共有18个苹果。"

Nothing but a value may follow there, perhaps with a word behind it: nobody here knows how each language says no.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.statements import bare

_SAID = r"[:：=*_\s]{0,6}"
# What may stand before the word for an answer, the word, what may stand behind it, and the verb.
_LATIN = (
    r"(?:(?:also|daher|somit|donc|ainsi|por\s(?:lo\s)?tanto|portanto|jadi|v[âậ]y|quindi|dus|więc|zatem|takže|alltså"
    r"|итак|отже|dolayısıyla)[,:]?\s)?(?:(?:la|le|il|el|die|a|o|de|het|det|η)\s)?"
    r"(?:(?:bonne|richtige|korrekte|endgültige|juiste|prawidłowa|poprawna|správná|правильный|rätt)\s)?"
    r"(?:réponse|respuesta|resposta|risposta|antwort|antwoord|odpowiedź|odpověď|odpoveď|svar(?:et)?|vastaus|válasz|răspuns(?:ul)?"
    r"|jawaban(?:nya)?|jawapan(?:nya)?|đáp\s(?:án|số)|câu\strả\slời|ответ|відповідь|απάντηση|cevap|yanıt)"
    r"(?:\s(?:final|finale|correcta|correcte|correta|corretta|końcowa|akhir|akhirnya|cuối\scùng|đúng))?"
)
_IS = r"est|es|é|è|ist|lautet|is|to|brzmi|wynosi|je|zní|är|er|on|este|adalah|ialah|là|είναι|[:：=]"
_OTHER = (
    r"(?:(?:所以|因此|因而|故|综上(?:所述)?|那么|于是|よって|したがって|따라서|إذن|لذا|لذلك|अतः|इसलिए|ดังนั้น)[，,、،\s]{0,3}){0,2}"
    r"(?:(?:本|此|该|这道?)(?:题|问题)的?|问题的)?(?:正确|最终|最后|最終的?な?|최종|अंतिम|सही|চূড়ান্ত)?\s?的?\s?"
    r"(?:答案|答え|解答|정답|답|答(?=[*_]{0,3}\s{0,3}[:：])|(?:ال)?إجابة|(?:ال)?جواب|پاسخ|उत्तर|উত্তর|คำตอบ|ה?תשובה)"
    r"(?:\s(?:النهائي|الصحيح)ة?|\sنهایی|\sהסופית)?"
)
_ABROAD = re.compile(
    rf"[*_#>\s]{{0,9}}{_OTHER}[*_]{{0,3}}\s{{0,3}}(?P<is>是|为|は|은|는|هي|هو|है|คือ|היא|[:：=])?{_SAID}(?P<said>.*)"
    rf"|[*_#>\s]{{0,9}}{_LATIN}[*_]{{0,3}}\s{{0,3}}(?P<was>{_IS}){_SAID}(?P<meant>.*)",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:\s?(?:입니다|이다|です|である|है|است|ครับ|ค่ะ))?[।。．！.\s]{0,4}\Z")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_VALUE = re.compile(r"\$[^$]+\$|\\\(.+?\\\)|\\\$?|[-+]?[$€£¥]?\d[\d,./]*")
_BEHIND = re.compile(r"\s?(?:[^\W\d_]{1,20}\s?){0,2}")
_HEDGED = re.compile(
    r"\b(?:o|ou|oder|eller|atau|hoặc|lub|nebo|veya|или|או|no|nicht|pas|non|nie|inte|bukan|không|yok|değil|не|plus|mehr|más"
    r"|moins|menos|minimum|maximum|mínimo|máximo|mindestens|höchstens|mal|lần|kali|raz|fois|veces|vezes)\b",
    re.IGNORECASE,
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_MEASURES = {
    "美元": "dollars", "小时": "hours", "小時": "hours", "時間": "hours", "시간": "hours", "分钟": "minutes",
    "分鐘": "minutes", "秒": "seconds", "天": "days", "千米": "km", "公里": "km", "厘米": "cm", "毫米": "mm", "米": "m",
    "千克": "kg", "公斤": "kg", "克": "g", "升": "liters", "岁": "years", "歲": "years", "歳": "years", "달러": "dollars",
    "ドル": "dollars",
}  # fmt: skip
_COUNTED = re.compile(
    rf"(?P<before>\D{{0,60}}?)(?P<number>[-$]?\d[\d,]*(?:\.\d+)?)\s?(?P<unit>{'|'.join(_MEASURES)}|[元个個只隻本张張条條颗顆人名位页頁"
    r"件辆輛支枝朵次种種棵头頭匹粒枚杯瓶盒袋包箱つ冊台명개마리권장대])?(?P<after>\D{0,40})"
)
_TOTAL = re.compile("所以|一共|总共|總共|一天|一周|每一")
# Not, or, about, above, below, half, times, numerals and scales, in Chinese, Japanese and Korean.
_UNSAID = re.compile(
    "[或约約近超不没沒無无非若倍半几幾除余餘差少多错錯减減乘分百千万萬亿億十廿零以未一二两兩三四五六七八九]"
    "|至|最大|最小|可能|大概|左右|ない|ません|まで|より|ほど|くらい|ぐらい|아니|않|약|이상|이하|미만|또는|정도|만|천|백"
)


def announced_abroad(line: str) -> str | None:
    """The x of a line that announces it in another language, nothing for a heading alone; None for other lines.

    Example:
        >>> [announced_abroad(s) for s in ("答案：18", "Die Antwort ist 18.", "答：共有18个苹果。", "Antwort: kein 18")]
        ['18', '18', '18', None]
    """
    if line.isascii() and not line.lstrip("*_#> ")[:1].isalpha():
        return None
    match = _ABROAD.fullmatch(line)
    if match is None or not (match["is"] or match["was"] or not match["said"] or "है" in match["said"]):
        return None
    content = bare(_ENDING.sub("", match["said"] or match["meant"] or ""))
    return _counted(content) if _CJK.search(content) else _value(content)


def _value(content: str) -> str | None:
    """A number that stands alone, or with up to two words behind it; what has no digits may be any word."""
    value = _VALUE.search(content)
    if value is None:
        return None if any(map(str.isdigit, content)) else content
    before, after = content[: value.start()], content[value.end() :].strip("*_ ")
    if _LETTERS.search(before) or _HEDGED.search(after):
        return None
    if _LETTERS.search(after) and not _BEHIND.fullmatch(after):
        return None
    return content if after.isascii() else value[0]


def _counted(content: str) -> str | None:
    """The one number of a Chinese, Japanese or Korean sentence, with its unit; the sentence where it has no number."""
    match = _COUNTED.fullmatch(content)
    if match is None:
        return None if any(map(str.isdigit, content)) else content
    if _UNSAID.search(_TOTAL.sub("", match["before"])) or _UNSAID.search(_TOTAL.sub("", match["after"])):
        return None
    unit = _MEASURES.get(match["unit"] or "")
    return rf"{match['number']} \text{{{unit}}}" if unit else match["number"]
