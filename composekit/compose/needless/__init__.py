"""Which numbers of a text a reader does not need, so that hiding one makes nothing harder.

Three questions, each answered by rules that are one function each: does a number follow from the rest of the text
(:mod:`.derivable`), does the answer depend on it (:mod:`.idle`), and does a link's own sentence tell it (:mod:`.pinned`,
:mod:`.spaces`)?
"""
