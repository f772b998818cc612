"""Echoes of an order: words to the reviewer that stand in a change, and that a model repeats.

To pass, to keep quiet, to show what is secret, or to be somebody else: as sentences in several
languages, as commands of forges and bots, or as the roles of chat formats. Words about orders,
approvals and instructions that a program has to do with are none.
"""

import re
from typing import Final


def any_of(*ways: str) -> re.Pattern[str]:
    """One expression for several, in which upper case is lower case."""
    return re.compile("|".join(ways), re.IGNORECASE)


_OF_US: Final = r"(?:pr|pull request|mr|merge request|patch|diff|review)"
_SAID: Final = r"(?:^|[.!?;:,\n\"'`»“]\s{0,3}|\b(?:please|now|must|should|to|and|then|bitte) )"
_BOTS: Final = (
    r"(?:[\w-]{0,40}bot|bors|mergify(?:io)?|homu|renovate|copilot|coderabbitai|github-actions"
    r"|claude|codex|gemini[\w-]{0,40})(?:\[bot\])?"
)
_COMMANDS: Final = (
    r"(?:approve|unapprove|merge|lgtm|close|reopen|ok-to-test|retest|test|rebase|assign|unassign"
    r"|label|title|lock|hold|target_branch|submit_review|override|skip|ready|shipit)"
)
_SECRETS: Final = (
    r"(?:tokens?|secrets?|system prompt|api keys?|passwords?|credentials?|environment variables?"
    r"|instructions?)"
)

ENGLISH: Final = any_of(
    r"\b(?:ignore|disregard|forget|override|bypass) (?:all |any |everything )?(?:of )?"
    r"(?:the |your |these |my )?"
    r"(?:previous|prior|above|earlier|preceding|other|existing|system)? ?(?:system )?"
    r"(?:instructions?|prompts?|directives?|guidelines)\b",
    r"\b(?:ignore|disregard|forget) (?:everything|anything|all|what)"
    r" (?:(?:that )?(?:was|is|came) )?(?:above|before|earlier|you (?:were|have been) told)\b",
    r"\bas an? (?:ai\b|(?:large )?language model)|\bi am an? (?:ai|language model|assistant)\b",
    r"\byou are now (?:an? |the |in )?(?:\w+ )?(?:ai|assistant|reviewer|approver|developer mode"
    r"|dan|admin(?:istrator)?|unrestricted|jailbroken)\b",
    rf"{_SAID}(?:print|reveal|repeat|output|show|send|post|leak|exfiltrate|disclose|include) "
    rf"(?:me )?(?:all )?(?:of )?(?:the |your |my )?(?:\w+ )?{_SECRETS}\b",
    r"\b(?:as|per) (?:instructed|(?:the |your |my )?instructions?)\b",
    r"\b(?:according to|following|as requested by|told by) (?:the |your |my )"
    r"(?:instructions?|prompt|(?:note|comment) to (?:the )?reviewers?)\b",
    rf"{_SAID}(?:approve|accept|merge)(?: (?:this|it|immediately|now|anyway|without (?:a )?review)"
    rf"\b|(?: the| our| my)? {_OF_US}\b|\s{{0,2}}(?:$|[.!]))",
    rf"\b(?:this|the) (?:{_OF_US}|change|commit|code) "
    r"(?:is|has been|can be|should be|must be|was) (?:safely |hereby |already |pre-?)?"
    r"(?:approved|merged|accepted)\b(?! (?:twice|by|when|if|with|on))",
    r"\b(?:i|we)(?: hereby| can| will|[’']ll|[’']m| am)? approv(?:e|ed|ing)\b",
    r"(?:^|[.!?\n]\s{0,3})approved?\b\s{0,3}(?:[.!]|$)",
    r"\b(?:ready|safe|good|okay|ok|free) to (?:be )?(?:merged?|ship)\b(?! (?:the|two|both|with))",
    rf"{_SAID}(?:do not|don[’']t|never|stop) "
    r"(?:report|review|flag|comment on|mention|scan|analy[sz]e) "
    r"(?:any|this|these|the|on|it|about|anything|further)\b",
    r"\b(?:report|return|output|respond with|answer with|give) (?:no|zero|an empty list of) "
    r"(?:issues?|findings?|problems?|bugs?|defects?)\b",
    rf"{_SAID}mark (?:this|it|the) (?:\w+ )?(?:as )?(?:safe|resolved|approved|reviewed)\b",
    r"\b(?:this|the) (?:file|code|change|function|line|pr|pull request) (?:has been|was|is) "
    r"(?:already |fully |manually )?(?:pre-?)?(?:reviewed|audited|vetted)\b",
    r"\b(?:reviewers?|you) (?:must|should|shall|may|can) "
    r"(?:skip|ignore|not report|not review|approve)\b",
)
FORMAL: Final = any_of(
    rf"(?:^|[.!?:\n]\s{{0,3}})/{_COMMANDS}\b",
    rf"@{_BOTS}:? {_COMMANDS}\b",
    r"\bbors r\+",
    r"<\|[\w ]{1,40}\|>\s{0,3}(?:system|assistant|user)\b",
    r"(?:^|[.!?\n]\s{0,8})(?:<\|[\w ]{1,40}\|>|</?(?:system|assistant|s)>"
    r"|#{1,6} ?(?:system|instructions?)\b|(?:system|assistant)\s{0,3}:)",
    r"\[/?INST\]|<</?SYS>>",
    r"\b(?:begin|end) (?:of )?(?:system|instructions?|prompt|diff|data)\b",
)
"""Commands (docs.prow.k8s.io, "Command help"; docs.gitlab.com, "Quick actions") and roles."""

ABROAD: Final = any_of(
    r"\bignorier\w* (?:\w+ ){0,3}?(?:anweisung\w*|befehle|vorgaben|instruktionen)",
    r"\bvergiss (?:\w+ ){0,3}?(?:anweisung\w*|befehle|vorgaben)",
    r"\b(?:ignor\w{1,4}|oubli\w{1,3}) (?:\w+ ){0,2}?(?:les |vos |tes )(?:\w+ )?"
    r"(?:instructions|consignes)",
    r"\b(?:ignor\w{1,4}|olvid\w{1,3}|descart\w{1,3}|esque[cç]\w{1,3}|desconsider\w{1,3}) "
    r"(?:\w+ ){0,3}?(?:instrucciones|instruç(?:ões|oes)|instrucoes|indicaciones|órdenes|ordens)",
    r"\b(?:ignor\w{1,4}|dimentic\w{1,4}) (?:\w+ ){0,3}?istruzioni",
    r"\b(?:negeer|vergeet) (?:\w+ ){0,3}?(?:instructies|opdrachten)",
    r"\b(?:zignoruj|ignoruj|pomiń) (?:\w+ ){0,3}?(?:instrukcj\w+|polece\w+)",
    r"\b(?:игнорируй|проигнорируй|забудь)\w* (?:\w+ ){0,3}?(?:инструкци\w+|указани\w+|команд\w+)",
    r"\b(?:ігноруй|проігноруй)\w* (?:\w+ ){0,3}?(?:інструкці\w+|вказівк\w+)",
    r"\bönceki (?:\w+ ){0,2}?(?:talimat\w*|komut\w*)",
    r"(?:忽略|无视|無視|忘记|忘記).{0,12}(?:指令|指示|说明|說明|提示|命令|规则|規則)",
    r"(?:指示|命令|プロンプト)(?:を|は).{0,8}(?:無視|忘れ)",
    r"(?:지시|명령|지침)\w{0,4} {0,2}(?:모두 |전부 )?무시",
    r"(?:تجاهل|تجاهلوا) (?:\w+ ){0,3}?(?:التعليمات|الأوامر|تعليمات)",
    r"(?:निर्देशों|आदेशों).{0,20}?(?:अनदेखा|नज़रअंदाज़|नजरअंदाज)",
    r"\b(?:genehmig\w*|akzeptier\w*|merge\w*|approuve\w*|accepte\w*|aprueb\w*|aprob\w*|aprov\w*"
    r"|fusion\w*|approva\w*|одобри\w*|прими\w*|zatwierd\w*|keur) "
    r"(?:bitte |por favor |s'il vous plaît )?"
    r"(?:diese[nsr]?|dies|cette|ce|est[ea]|quest[ao]|этот|это|ten|deze|dit|den|la|le|el|o) "
    r"(?:pull[- ]?request|pr|merge[- ]?request|mr|änderung|modification|demande|solicitud|cambio"
    r"|modifica|запрос|wijziging|alteração)\b",
    r"(?:批准|合并|合併|通过|通過|核准).{0,6}(?:PR|拉取请求|合并请求|更改|变更|提交|请求)",
    r"(?:PR|プルリクエスト|変更)を.{0,6}(?:承認|マージ)",
)
"""To ignore instructions, and to approve, in the commonest words of other languages."""


def repeated(words: str) -> bool:
    """Whether an order is among these words."""
    return any(each.search(words) for each in (ENGLISH, FORMAL, ABROAD))
