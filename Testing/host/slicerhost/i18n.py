"""slicer.i18n: the texts as they are written in the source."""


def translate(context: str, text: str) -> str:
    return text


def tr(text: str) -> str:
    return text
