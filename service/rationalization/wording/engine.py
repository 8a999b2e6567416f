"""The one place that knows python-liquid: messages are read and told here, within bounds.

The library's own limits leave its filters unbounded, and blocks that print nothing. So this environment knows
few tags and fewer filters, all of them here; what a template may cost is counted when it is read; and it is
told of texts, lists of texts and instants only, which have no attributes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, TextIO, get_args

from liquid import BoundTemplate, Environment, FalsyStrictUndefined, Mode, RenderContext
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import (
    FilteredExpression,
    LoopExpression,
    Path,
    StringLiteral,
    parse_primitive,
)
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.comment_tag import CommentTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidSyntaxError,
    LoopIterationLimitError,
    OutputStreamLimitError,
)
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.token import TOKEN_COMMA, TOKEN_OR, Token
from liquid.undefined import Undefined

