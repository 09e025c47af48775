"""Which expressions get the same number, and what is not followed at all."""

import pytest
import torch
from torch.nn import functional

from workbench.models.numbering import NotUnderstood, Numbering

WEIGHT, OTHER = torch.empty(4, 6, device="meta"), torch.empty(4, 6, device="meta")
BUFFER = torch.arange(24.0).reshape(4, 6)


@pytest.fixture
def number():
    """The number of what an expression of some x (4, 6) gives."""
    numbering = Numbering([WEIGHT, OTHER], [BUFFER])

    def of(expression, dtype=torch.float32):
        given = numbering.given("x", (4, 6), dtype)
        with torch.no_grad(), numbering:
            return numbering.of(expression(given))

    return of


def changed(x, change):
    """x after `change` was done to a copy of it."""
    copy = x.clone()
    change(copy)
    return copy


def copied_before(x):
    """Rows of a copy whose original was written to afterwards."""
    original = x.clone()
    copy = original.T.contiguous()
    original.add_(1)
    return copy


SAME = {
    "the same twice": (lambda x: (x + 1) * WEIGHT, lambda x: (x + 1) * WEIGHT),
    "a copy": (lambda x: x.sin(), lambda x: x.clone().sin()),
    "a copy in another layout": (lambda x: x.T.sin(), lambda x: x.T.contiguous().sin()),
    "a copy in another layout, and back": (lambda x: x.sin(), lambda x: x.T.contiguous().T.sin()),
    "a part of a copy": (lambda x: x[1:3, 2].sin(), lambda x: x.T.contiguous()[2, 1:3].sin()),
    "a part of a copy of a part": (
        lambda x: x[1:3, 2:5].T.sin(),
        lambda x: x[1:].T.contiguous()[2:].T.contiguous()[:2, :3].T.sin(),
    ),
    "a part of what came in another layout": (
        lambda x: x.T.sin()[2, 1:3].cos(),
        lambda x: x.T.contiguous().sin()[2, 1:3].cos(),
    ),
    "a row alone": (lambda x: x[1].sin(), lambda x: x[1:2].T.contiguous().T[0].sin()),
    "a view and back": (lambda x: x.sin(), lambda x: x.view(2, 12).T.T.view(4, 6).sin()),
    "one view made in two ways": (lambda x: x[:, 2:][:, 1:], lambda x: x[:, 3:]),
    "in place": (lambda x: x.relu() + 1, lambda x: x.clone().relu_().add_(1)),
    "in place through another view": (
        lambda x: changed(x, lambda copy: copy[1].add_(1)),
        lambda x: changed(x, lambda copy: copy.view(-1)[6:12].add_(1)),
    ),
    "copied into something new": (lambda x: x, lambda x: torch.empty_like(x).copy_(x)),
    "a constant of the same values": (
        lambda x: x + torch.tensor([1.0, 2, 3, 4, 5, 6]),
        lambda x: x + torch.arange(1.0, 7.0),
    ),
    "a buffer's view": (lambda x: x.view(-1) * BUFFER.view(-1), lambda x: x.view(-1) * BUFFER.flatten()),
    "dropout in eval mode": (lambda x: functional.dropout(x, 0.5, training=False), lambda x: x),
}

OTHERS = {
    "another operator": (lambda x: x.sin(), lambda x: x.cos()),
    "another weight of its shape": (lambda x: x + WEIGHT, lambda x: x + OTHER),
    "the other way round": (lambda x: x - WEIGHT, lambda x: WEIGHT - x),
    "another number": (lambda x: x * 2, lambda x: x * 3),
    "an integer": (lambda x: x * 1, lambda x: x * 1.0),
    "a truth": (lambda x: x * 1, lambda x: x * True),
    "a sign of zero": (lambda x: x * 0.0, lambda x: x * -0.0),
    "another name": (lambda x: torch.add(x, x, alpha=2), lambda x: torch.add(x, x)),
    "another axis": (lambda x: x.softmax(0), lambda x: x.softmax(1)),
    "another type": (lambda x: x.double(), lambda x: x.half()),
    "values in another order": (lambda x: x.view(6, 4), lambda x: x.T),
    "another part of a copy": (lambda x: x[1:3, 2], lambda x: x.T.contiguous()[2, 2:4]),
    "a copy in another layout that was written to": (
        lambda x: x.sin(),
        lambda x: changed(x.T, lambda copy: copy[1].add_(1)).T.sin(),
    ),
    "a copy of what was written to later": (
        lambda x: changed(x, lambda copy: copy.add_(1)).T[1],
        lambda x: copied_before(x)[1],
    ),
    "another part": (lambda x: x[1], lambda x: x[2]),
    "another result of one operator": (lambda x: x.topk(2)[0].double(), lambda x: x.topk(2)[1].double()),
    "a write in place": (lambda x: x.clone(), lambda x: changed(x, lambda copy: copy.add_(1))),
    "a write through a view": (lambda x: x.clone(), lambda x: changed(x, lambda copy: copy[1].zero_())),
    "a write elsewhere": (
        lambda x: changed(x, lambda copy: copy[1].zero_()),
        lambda x: changed(x, lambda copy: copy[2].zero_()),
    ),
    "writes in another order": (
        lambda x: changed(x, lambda copy: (copy.add_(1), copy.mul_(2))),
        lambda x: changed(x, lambda copy: (copy.mul_(2), copy.add_(1))),
    ),
    "a constant of other values": (lambda x: x + torch.tensor([1.0] * 6), lambda x: x + torch.ones(4, 6)),
    "another row of a buffer": (lambda x: x + BUFFER[1], lambda x: x + BUFFER[2]),
    "random numbers": (torch.rand_like, torch.rand_like),
    "random numbers in place": (lambda x: x.clone().uniform_(), lambda x: x.clone().uniform_()),
    "random numbers of the CPU": (lambda x: x + torch.rand(6), lambda x: x + torch.rand(6)),
    "dropout": (functional.dropout, functional.dropout),
    "memory as it was": (torch.empty_like, torch.empty_like),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_expression_has_the_same_number(number, case):
    one, other = SAME[case]
    assert number(one) == number(other)


@pytest.mark.parametrize("case", OTHERS)
def test_another_expression_has_another_number(number, case):
    one, other = OTHERS[case]
    assert number(one) != number(other)


def test_what_is_rounded_in_place_is_not_what_is_not(number):
    def into_half(x):
        return x.half().add_(WEIGHT)

    assert number(into_half) == number(into_half)
    assert number(into_half) != number(lambda x: x.half() + WEIGHT)


def test_a_write_is_seen_through_views_that_were_there_before(number):
    def before_and_after(x):
        copy = x.clone()
        row = copy[1]
        copy.add_(1)
        return row

    assert number(before_and_after) == number(lambda x: (x + 1)[1])
    assert number(before_and_after) != number(lambda x: x[1])


@torch.library.custom_op("workbench_tests::undeclared", mutates_args=())
def undeclared(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


undeclared.register_fake(torch.empty_like)

NOT_FOLLOWED = {
    "workbench_tests.undeclared.default may do more than it says": undeclared,
    "aten.add_.Tensor changes a weight, a buffer or a constant": lambda x: WEIGHT.add_(1),
    "aten.zero_.default changes a weight, a buffer or a constant": lambda x: BUFFER[1].zero_(),
    "aten.resize_.default may do more than it says": lambda x: x.clone().resize_(3),
    "a constant of 1048577 values is neither a weight nor a buffer": lambda x: torch.zeros((1 << 20) + 1),
    r"a tensor of shape \(3,\) came from nowhere": lambda x: STRANGER + 1,
}
STRANGER = torch.empty(3, device="meta")


@pytest.mark.parametrize("message", NOT_FOLLOWED)
def test_what_is_not_followed_is_said(number, message):
    kept = BUFFER.clone()
    with pytest.raises(NotUnderstood, match=f"^{message}$"):
        number(NOT_FOLLOWED[message])
    assert torch.equal(BUFFER, kept)


def test_every_operator_that_draws_numbers_is_known_to():
    """torch marks them; one that takes a generator and is not marked would be taken for the same twice."""
    unmarked = []
    for full in torch._C._dispatch_get_all_op_names():
        space, _, name = full.partition("::")
        base, _, overload = name.partition(".")
        if space == "aten" and hasattr(torch.ops.aten, base):
            operator = getattr(getattr(torch.ops.aten, base), overload or "default", None)
            draws = operator is not None and any(
                "Generator" in str(argument.type) for argument in operator._schema.arguments
            )
            if draws and torch.Tag.nondeterministic_seeded not in operator.tags:
                unmarked.append(full)
    assert unmarked == []
