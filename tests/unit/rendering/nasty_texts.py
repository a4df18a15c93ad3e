"""Texts that mean something to one format or another: what a host, a file or a colleague may put into a name."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "`code` and ``more`` and ```\nfence\n```",
    "a | b | c",
    "<script>alert(1)</script>",
    "</details></summary><details open>",
    "<!-- hidden",
    "<img src=x onerror=alert(1)>",
    "![picture](https://example.invalid/p.png)",
    "[here](https://example.invalid)",
    "https://example.invalid/a?b=c www.example.invalid",
    "<https://example.invalid>",
    "@everyone look at #1 and org/repo#2, !3, $4, %5, ~label",
    "someone@example.invalid",
    "*bold* _it_ ~~gone~~ **x** __y__",
    "# heading",
    "- item\n+ item\n1. item\n> quote",
    "---\n===\n***",
    "&lt;b&gt; &amp; &#64;all",
    ":tada: :warning:",
    "a\\b\\`c\\|d",
    "$x^2$ and $$y$$",
    "{0} {{1}} ]( [a](b)",
    "::error file=a::b\n::set-output name=x::y\r\n##[error]z %0A",
    "a,b:c=d%2C",
    "]]>\x00\x1b[31mred\x1b[0m\x07\u202ebidi\u2066",
    "\ufffe\uffff\U0001f600\u2028x\u2029",
    'quote " and \' and \\n\n{host="x"}',
    "tab\tand\ttrailing  \n\n    indented",
    "/label ~x\n/close",
    "\udcff",
    "",
    " ",
)
"""In the order of formats: Markdown, HTML, mentions, SARIF, workflow commands, XML, Prometheus."""

texts = (
    st.sampled_from(NASTY)
    | st.text(max_size=200)
    | st.text(alphabet="`|<>&@#*_[](){}!\\~:/-+=. \n\r\tab1%,\"'$", max_size=200)
)
"""Any text, and such as formats trip over. Without lone surrogates, but for those of the corpus."""
