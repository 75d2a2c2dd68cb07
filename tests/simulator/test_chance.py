"""What is left to chance follows from the seed, and cars from what is drawn."""

from hypothesis import given
from hypothesis import strategies as st

from evsys.simulator.battery import FULL_PERCENT, Battery
from evsys.simulator.chance import REGULARS, Dice, visit


def test_the_nth_visit_is_the_same_whenever_it_is_drawn() -> None:
    first = [visit(1, "SIM0001", 1, n, (), 22_080) for n in range(5)]
    again = [visit(1, "SIM0001", 1, n, (), 22_080) for n in reversed(range(5))]
    assert first == again[::-1]
    assert len(set(map(str, first))) == 5
    assert visit(2, "SIM0001", 1, 0, (), 22_080) != first[0]
    assert visit(1, "SIM0002", 1, 0, (), 22_080) != first[0]
    assert visit(1, "SIM0001", 2, 0, (), 22_080) != first[0]


def test_each_connector_has_a_few_drivers_of_its_own_unless_tokens_are_given() -> None:
    tokens = [{visit(1, name, 1, n, (), 22_080).token for n in range(50)} for name in ("A", "B")]
    assert [len(each) for each in tokens] == [REGULARS, REGULARS]
    assert not tokens[0] & tokens[1]
    assert {visit(1, "A", 1, n, ("X", "Y"), 22_080).token for n in range(50)} == {"X", "Y"}


@given(st.integers(0, 1000), st.integers(0, 50), st.sampled_from([7_360.0, 11_040.0, 22_080.0]))
def test_no_car_takes_more_than_the_connector_gives(seed: int, nth: int, most_w: float) -> None:
    car = visit(seed, "A", 1, nth, (), most_w).car()
    assert 0 < car.power_w(most_w) <= most_w


def test_dice_are_a_row_of_their_own() -> None:
    one, other = Dice("a"), Dice("a")
    row = [one.between((1, 2)) for _ in range(5)]
    assert row == [other.between((1, 2)) for _ in range(5)]
    assert len(set(row)) == 5
    assert all(1 <= each <= 2 for each in row)


@given(
    soc=st.floats(0, 100),
    offered=st.floats(0, 50_000),
    seconds=st.floats(0, 100_000),
    phases=st.sampled_from([1, 3]),
)
def test_a_battery_takes_no_more_than_is_offered_and_holds(
    soc: float, offered: float, seconds: float, phases: int
) -> None:
    battery = Battery(50_000, 11_040, phases, soc)
    power_w = battery.power_w(offered)
    assert 0 <= power_w <= min(offered, 11_040)
    before_wh = battery.stored_wh
    energy_wh = battery.take(power_w, seconds)
    assert 0 <= energy_wh <= power_w * seconds / 3600
    assert battery.stored_wh == before_wh + energy_wh <= battery.capacity_wh
    assert battery.power_w(offered) <= power_w or battery.soc_percent == soc


def test_a_car_charges_with_six_amperes_or_more_or_not_at_all() -> None:
    assert Battery(50_000, 11_040, 3, 50).power_w(5.9 * 230 * 3) == 0
    assert Battery(50_000, 11_040, 3, 50).power_w(6 * 230 * 3) == 6 * 230 * 3
    assert Battery(50_000, 11_040, 3, FULL_PERCENT).power_w(22_080) == 0
