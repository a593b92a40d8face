# SPDX-License-Identifier: Apache-2.0
"""The places of a SystemVerilog module that can be mutated, and what may stand there instead.

Reads the subset that rtl/ is written in: one module a file, continuous assignments, always_comb, always_ff, functions,
generate if and for, instances. Declarations, parameters, indices, loop headers, case labels and assertions stay as they
are: a mutant is a design that elaborates like the original. What it does not understand raises SourceError.
"""
import hashlib
import re
from dataclasses import dataclass, field


class SourceError(Exception):
    """Text outside the subset, with its line."""


TOKEN = re.compile(r"""
    (?P<skip>\s+|//[^\n]*|`[^\n]*|/\*.*?\*/)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<number>(?:\d[\d_]*)?'[sS]?[bodhBODH][0-9a-fA-F_xXzZ?]+|'[01](?![\w(])|\d[\d_]*)
  | (?P<name>[A-Za-z_$][\w$]*(?:::[A-Za-z_]\w*)*)
  | (?P<op>'\(|<<<|>>>|===|!==|<<=|>>=|&&|\|\||==|!=|<=|>=|<<|>>|\+:|-:|\+=|-=|\|=|&=|\^=|\+\+|~&|~\||~\^|.)
""", re.X | re.S)

# Binary operators by binding strength.
BINDING = {"||": 1, "&&": 2, "|": 3, "^": 4, "~^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7,
           "<<": 8, ">>": 8, "<<<": 8, ">>>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}
SWAPS = {"||": ["&&"], "&&": ["||"], "|": ["&"], "&": ["|"], "^": ["|"], "==": ["!="], "!=": ["=="],
         "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "+": ["-"], "-": ["+"],
         "<<": [">>"], ">>": ["<<"]}
ASSIGN = {"=", "<=", "+=", "-=", "|=", "&=", "^="}
DECLARES = {"logic", "localparam", "parameter", "typedef", "genvar", "int", "bit", "import", "automatic"}


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Variant:
    kind: str         # operator, operand, negation, constant, condition, stuck, reset, assignment
    text: str         # what stands in its place; of a statement: nothing
    key: str = ""     # names it, whatever happens elsewhere in the file


@dataclass
class Site:
    """A span of the text, an expression or a statement, with what may stand there instead."""
    start: int
    end: int
    statement: bool
    variants: list = field(default_factory=list)
    context: str = ""


@dataclass
class Node:
    kind: str
    start: int
    end: int


def active(text):
    """The text as Verilator reads it: what its `ifdef leaves out is blank, and everything stands where it stood."""
    lines, stack = [], []  # (this branch is read, one of them has been)
    for line in text.splitlines(keepends=True):
        word = re.match(r"\s*`(ifdef|ifndef|elsif|else|endif)\b\s*(\w*)", line)
        if word and word[1] in ("ifdef", "ifndef"):
            taken = (word[2] == "VERILATOR") == (word[1] == "ifdef")
            stack.append((taken, taken))
        elif word and word[1] in ("elsif", "else"):
            before = stack.pop()[1]
            taken = not before and (word[1] == "else" or word[2] == "VERILATOR")
            stack.append((taken, taken or before))
        elif word:
            stack.pop()
        read = all(taken for taken, _ in stack)
        lines.append(line if word or read else re.sub(r"[^\n]", " ", line))
    return "".join(lines)


class Reader:
    """Recursive descent over one file; leaves the sites in .sites."""

    def __init__(self, path, text):
        self.path, self.text, self.sites = path, text, []
        text = active(text)
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if match.lastgroup != "skip":
                self.tokens.append(Token(match.lastgroup, match.group(), match.start(), match.end()))
            at = match.end()
        self.tokens.append(Token("end", "", len(text), len(text)))
        self.at = 0
        self.context = ""
        self.in_reset = False
        self.given = set()  # what the combinational block has given a value to on every way so far

    # ------------------------------------------------------------------ tokens
    def peek(self, ahead=0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].text

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def last_end(self):
        return self.tokens[self.at - 1].end

    def fail(self, what):
        line = self.text.count("\n", 0, self.tokens[self.at].start) + 1
        raise SourceError(f"{self.path}:{line}: {what}, found '{self.peek()}'")

    def expect(self, text):
        if self.peek() != text:
            self.fail(f"expected '{text}'")
        return self.next()

    def accept(self, text):
        if self.peek() == text:
            self.next()
            return True
        return False

    def skip_to(self, *ends):
        """Past the next of these that is in no bracket."""
        depth, begin = 0, self.at
        while True:
            token = self.next()
            if token.kind == "end":
                self.at = begin
                self.fail(f"expected {' or '.join(ends)}")
            if depth == 0 and token.text in ends:
                return
            if token.text in ("(", "[", "{", "'("):
                depth += 1
            elif token.text in (")", "]", "}"):
                depth -= 1

    def skip_brackets(self):
        close = {"(": ")", "[": "]", "{": "}", "'(": ")"}[self.next().text]
        self.skip_to(close)

    # ------------------------------------------------------------------ sites
    def site(self, start, end, variants, statement=False):
        if variants:
            self.sites.append(Site(start, end, statement, [Variant(*v) for v in variants], self.context))

    def slice(self, node):
        return self.text[node.start:node.end]

    # ------------------------------------------------------------------ expressions
    def expression(self):
        start = self.tokens[self.at].start
        condition = self.binary(1)
        if not self.accept("?"):
            return condition
        yes = self.expression()
        self.expect(":")
        no = self.expression()
        node = Node("ternary", start, self.last_end())
        test, one, other = self.slice(condition), self.slice(yes), self.slice(no)
        self.site(start, node.end, [("negation", f"({test}) ? ({other}) : ({one})"), ("condition", f"({one})"),
                                    ("condition", f"({other})")])
        return node

    def binary(self, least):
        left = self.unary()
        while self.tokens[self.at].kind == "op" and BINDING.get(self.peek(), 0) >= least:
            op = self.next().text
            right = self.binary(BINDING[op] + 1)
            one, other = self.slice(left), self.slice(right)
            variants = [("operator", f"({one}) {swap} ({other})") for swap in SWAPS.get(op, [])]
            if op in ("&", "|", "&&", "||"):
                variants += [("operand", f"({one})"), ("operand", f"({other})")]
            left = Node("binary", left.start, right.end)
            self.site(left.start, left.end, variants)
        return left

    def unary(self):
        token = self.tokens[self.at]
        if token.kind != "op" or token.text not in ("~", "!", "|", "&", "^", "-", "~&", "~|"):
            return self.primary()
        self.next()
        operand = self.unary()
        node, inner = Node("unary", token.start, operand.end), self.slice(operand)
        if token.text in ("~", "!"):
            self.site(node.start, node.end, [("negation", f"({inner})")])
        elif token.text in ("|", "&"):
            self.site(node.start, node.end, [("operator", f"{'&' if token.text == '|' else '|'}({inner})")])
        return node

    def primary(self):
        token = self.tokens[self.at]
        if token.text == "(":
            self.next()
            begin = len(self.sites)
            self.expression()
            self.expect(")")
            if self.peek() == "'(":
                del self.sites[begin:]  # a width
                self.cast()
        elif token.text == "{":
            self.concatenation()
        elif token.kind == "number":
            self.next()
            if self.peek() == "'(":
                self.cast()
            else:
                self.site(token.start, token.end, other_numbers(token.text))
        elif token.kind == "name":
            self.next()
            if self.peek() == "'(":
                self.cast()
            elif self.peek() == "(":
                if token.text.startswith("$") and token.text != "$signed":
                    self.skip_brackets()
                else:
                    self.next()
                    while not self.accept(")"):
                        self.expression()
                        self.accept(",")
        else:
            self.fail("expected an expression")
        self.selects()
        return Node("primary", token.start, self.last_end())

    def cast(self):
        self.expect("'(")
        self.expression()
        self.expect(")")

    def selects(self):
        while True:
            if self.peek() == "[":
                self.skip_brackets()
            elif self.peek() == ".":
                self.next()
                self.next()
            else:
                return

    def concatenation(self):
        self.expect("{")
        begin = len(self.sites)
        self.expression()
        if self.peek() == "{":
            del self.sites[begin:]  # the count of a replication, {N{x}}, is a constant
            self.concatenation()
        else:
            while self.accept(","):
                self.expression()
        self.expect("}")

    def value(self):
        """The right side of an assignment."""
        node = self.expression()
        inner = self.slice(node)
        # Of a number only what changes it.
        low = re.fullmatch(r"(?:\d*'[bdh]?)?(\w+)", inner)
        odd = int(low.group(1)[-1], 16) % 2 if low and inner[0] in "'0123456789" else None
        self.site(node.start, node.end, [("stuck", text) for text, of in (
            (f"(({inner}) >> 1) << 1", 0), (f"({inner}) | 1'b1", 1)) if odd != of])
        return node

    # ------------------------------------------------------------------ statements
    def statement(self, clocked, nested):
        """Reads one; returns whether it does anything but assert."""
        token = self.tokens[self.at]
        if self.peek() == "begin":
            return self.block(clocked, nested)
        if self.accept(";"):
            return False
        if token.text in ("assert", "cover", "assume") or self.peek(1) == ":" and self.peek(2) in ("assert", "cover", "assume"):
            self.skip_to(";")
            return False
        if token.text == "if":
            return self.if_statement(clocked)
        if token.text in ("case", "unique") or token.text == "casez":
            return self.case_statement(clocked)
        if token.text == "for":
            self.next()
            self.skip_brackets()
            return self.statement(clocked, nested)
        if token.text in DECLARES:
            self.skip_to(";")
            return False
        return self.assignment(clocked, nested)

    def block(self, clocked, nested):
        self.expect("begin")
        if self.accept(":"):
            self.next()
        does = False
        while not self.accept("end"):
            does |= self.statement(clocked, nested)
        return does

    def if_statement(self, clocked):
        first, start = len(self.sites), self.expect("if").start
        self.expect("(")
        outer, self.context = self.context, ""
        begin = len(self.sites)
        node = self.expression()
        self.expect(")")
        text, self.context = self.slice(node), outer
        self.site(node.start, node.end, [("negation", f"!({text})"), ("condition", "1'b0"), ("condition", "1'b1")])
        for site in self.sites[begin:]:
            site.context = squeeze(self.text[start:self.last_end()])
        resets = bool(re.fullmatch(r"!(rst|por)_ni", text.strip()))
        self.in_reset, outside = self.in_reset or resets, self.in_reset
        does = self.statement(clocked, True)
        self.in_reset = outside
        if self.accept("else"):
            does |= self.statement(clocked, True)
        if not does:
            del self.sites[first:]  # a condition of assertions
        return does

    def case_statement(self, clocked):
        first, start = len(self.sites), self.next().start
        self.accept("case")
        self.expect("(")
        begin = len(self.sites)
        self.expression()
        self.expect(")")
        for site in self.sites[begin:]:
            site.context = squeeze(self.text[start:self.last_end()])
        does = False
        while not self.accept("endcase"):
            if self.accept("default"):
                self.expect(":")
            else:
                self.skip_to(":")
            does |= self.statement(clocked, True)
        if not does:
            del self.sites[first:]
        return does

    def assignment(self, clocked, nested):
        begin, start = len(self.sites), self.tokens[self.at].start
        name = self.peek()
        if name == "{":
            self.skip_brackets()
        else:
            self.next()
            self.selects()
        if self.peek() not in ASSIGN:
            self.fail("expected an assignment")
        self.next()
        self.value()
        self.expect(";")
        # Without a value given before it, a dropped combinational assignment would be a latch.
        if clocked or name in self.given:
            self.site(start, self.last_end(), [("reset" if self.in_reset else "assignment", "")], statement=True)
        if not nested:
            self.given.add(name)
        for site in self.sites[begin:]:
            site.context = squeeze(self.text[start:self.last_end()])
        return True

    # ------------------------------------------------------------------ the module
    def module(self):
        while self.peek() != "module":
            self.next()
        self.next()
        self.next()
        self.skip_to(";")
        self.items("endmodule")

    def items(self, end):
        while not self.accept(end):
            self.item()

    def item(self):
        word = self.peek()
        if word == "assign":
            begin, start = len(self.sites), self.next().start
            if self.peek() == "{":
                self.skip_brackets()
            else:
                self.next()
                self.selects()
            self.expect("=")
            self.value()
            self.expect(";")
            for site in self.sites[begin:]:
                site.context = squeeze(self.text[start:self.last_end()])
        elif word == "always_comb":
            self.next()
            self.given = set()
            self.statement(False, False)
        elif word == "always_ff":
            self.next()
            self.expect("@")
            self.skip_brackets()
            self.statement(True, False)
        elif word == "function":
            self.skip_to(";")
            self.given = set()
            while not self.accept("endfunction"):
                self.statement(False, False)
        elif word in ("if", "for"):
            self.next()
            self.skip_brackets()
            self.generate()
            if word == "if" and self.accept("else"):
                if self.peek() == "if":
                    self.item()
                else:
                    self.generate()
        elif word == "begin":
            self.generate()
        elif self.accept(";"):
            pass
        elif word in DECLARES or "::" in word or word.startswith("$") or self.peek(1) != "#" and self.peek(2) != "(":
            self.skip_to(";")
        else:
            self.instance()

    def generate(self):
        if self.accept("begin"):
            if self.accept(":"):
                self.next()
            self.items("end")
        else:
            self.item()

    def instance(self):
        self.next()
        if self.accept("#"):
            self.skip_brackets()
        name = self.next().text
        self.expect("(")
        while not self.accept(")"):
            self.expect(".")
            begin, port = len(self.sites), self.next().text
            if self.accept("("):
                if self.peek() == ")":
                    pass
                elif port.endswith("_i") or port == "clk_i":
                    self.expression()
                else:
                    self.at -= 1
                    self.skip_brackets()
                    self.at -= 1
                self.expect(")")
                for site in self.sites[begin:]:
                    site.context = f"{name}.{port}({squeeze(self.text[site.start:site.end])})"
            self.accept(",")
        self.expect(";")


def squeeze(text):
    """Comments and spaces do not name a mutant."""
    return " ".join(re.sub(r"//[^\n]*", " ", text).split())


def other_numbers(text):
    match = re.fullmatch(r"(\d+)'([bdh])([0-9a-fA-F_]+)", text)
    if match:
        width = int(match.group(1))
        value = int(match.group(3).replace("_", ""), {"b": 2, "d": 10, "h": 16}[match.group(2)])
        return [("constant", f"{width}'d{(value + 1) % (1 << width)}")] + (
            [("constant", f"{width}'d{(value - 1) % (1 << width)}")] if width > 1 else [])
    if text in ("'0", "'1"):
        return [("constant", "'1" if text == "'0" else "'0")]
    return []


def sites(path, text):
    """The sites of one file, outer before inner, every variant with its key."""
    reader = Reader(path, text)
    reader.module()
    found = sorted(reader.sites, key=lambda site: (site.start, -site.end, site.statement))
    seen = {}
    for site in found:
        for variant in site.variants:
            name = "|".join((path, site.context, squeeze(text[site.start:site.end]), variant.kind, squeeze(variant.text)))
            seen[name] = seen.get(name, 0) + 1
            variant.key = hashlib.sha256(f"{name}|{seen[name]}".encode()).hexdigest()
    return found


def apply(text, site, variant):
    """The text with this one mutant."""
    instead = "begin end" if site.statement else f"({variant.text})"
    return text[:site.start] + instead + text[site.end:]


def select(text, chosen):
    """The text with all the chosen [(number, site, variant)], each behind its number."""
    order = sorted(chosen, key=lambda item: (item[1].start, -item[1].end, not item[1].statement))

    def render(start, end, items):
        out, at = [], start
        while items:
            number, site, variant = items[0]
            inside = [item for item in items[1:] if item[1].end <= site.end]
            out.append(text[at:site.start])
            inner = render(site.start, site.end, inside)
            if site.statement:
                out.append(f"begin if (mutant_pkg::id != 32'd{number}) {inner} end")
            else:
                out.append(f"(mutant_pkg::id == 32'd{number} ? ({variant.text}) : ({inner}))")
            at, items = site.end, items[1 + len(inside):]
        out.append(text[at:end])
        return "".join(out)

    return render(0, len(text), order)
