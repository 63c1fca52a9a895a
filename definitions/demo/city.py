"""The city of the demonstration: who is in it, what everybody is called, and the year it has behind it. All of it invented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from workflow.errors import Text
from workflow.model import Party

from ..term.cast import (
    AFFAIRS,
    AFFAIRS2,
    CHIEF,
    COMMITTEE,
    COUNCIL,
    GOV,
    LEADER,
    OFFICE,
    OFFICE1,
    OFFICE2,
    PROSECUTOR,
    SESSION,
    Cast,
    clerk,
    head,
)
from ..term.scenario import Parties, Receptions, Scenario, SessionPlan

TENANT = "hubei/xianning"
SOURCE = "演示，虚构（assumed）"
UNITS = (
    "市水利局",
    "市交通运输局",
    "市园林局",
    "市教育局",
    "市卫生健康委",
    "市住建局",
    "市民政局",
    "市农业农村局",
)
PLACES = ("温泉街道", "浮山街道")
SUBJECTS = (
    "增设快递员驿站", "修缮幸福路", "疏通滨河排水沟", "加装小区电动车充电桩", "扩建实验小学食堂", "增设夜间公交班次",
    "改造老旧农贸市场", "加密社区卫生站点", "治理淦河岸线", "推广垃圾分类", "建设口袋公园", "优化学校周边停车",
    "完善无障碍设施", "增设老年食堂", "整治飞线充电", "保护古桥古树", "修复村级水渠", "增设公共自行车点",
    "改善城区路灯", "扶持油茶种植", "建设乡村图书室", "加强电梯维保", "增设母婴室", "治理噪声扰民",
)  # fmt: skip
WHERE = ("在城北", "在城南", "在高新区", "在乡镇")
"""where, for a session that has more suggestions than there are subjects"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An account to look from: the person, and in words who that is."""

    person: str
    text: Text
    operator: bool = False


ROLES = (
    Role(person=AFFAIRS, text=Text("代表工作机构（办公室）", "the office (deputies' affairs)")),
    Role(person=OFFICE1, text=Text("常委会办公室", "the Standing Committee's office")),
    Role(person=clerk("unit01"), text=Text("承办单位经办人", "clerk of a handling unit")),
    Role(person=head("unit01"), text=Text("承办单位负责人", "head of a handling unit")),
    Role(person=clerk("unit02"), text=Text("另一单位经办人", "clerk of another unit")),
    Role(person=COUNCIL, text=Text("督办领导", "supervisor")),
    Role(person=GOV, text=Text("政府办公室（督查室）", "the government's office")),
    Role(person=PROSECUTOR, text=Text("检察院", "the procuratorate")),
    Role(person="city-deputy0001", text=Text("代表", "deputy")),
    Role(person="station001.keeper", text=Text("联络站站长", "keeper of a station")),
    Role(person="operator", text=Text("系统管理员", "operator"), operator=True),
)
"""one account for each role"""


YEAR = SessionPlan(
    name="三次", opens=date.min, closes=date.min, suggestions=93, source="代表建议办理结果统计（见 xianning-2023）",
    results={"A": 54, "B": 33, "C": 2, "D": 4}, levels={"satisfied": 86, "basically_satisfied": 7},
)  # fmt: skip
"""a session of the term, by its published figures (definitions/scenarios/xianning-2023.yaml); its days are given by who looks"""
BEFORE = 365
"""days between it and the next one"""


def title_of(subject: str) -> str:
    """The title of an invented suggestion."""
    return f"关于{subject}的建议（演示）"


def body_of(subject: str) -> str:
    """Its text, about nothing else: texts that are mostly the same would be shown as alike."""
    return f"{subject}：群众期盼已久，请列入计划。（演示文本）"


def subjects(told: Scenario) -> Iterator[str]:
    """What the suggestions are about: all different within a session."""
    for session in told.sessions:
        for number in range(session.suggestions):
            where = "" if session.suggestions <= len(SUBJECTS) else WHERE[number // len(SUBJECTS)]
            at = number if where else number + (len(SUBJECTS) // 2) * (session.name == "五次")
            yield where + SUBJECTS[at % len(SUBJECTS)]


def scenario(today: date, *, term: bool = False) -> Scenario:
    """A year that ends today: one session whose work is mostly done, and one whose work is going on. `term`: and a session of
    real size the year before.
    """
    small = _small(today)
    if not term:
        return small
    opens = small.sessions[0].opens - timedelta(days=BEFORE)
    year = replace(YEAR, opens=opens, closes=opens + timedelta(days=4))
    parties = replace(small.parties, city=year.suggestions + len(UNITS))
    return replace(
        small, begins=opens - timedelta(days=28), parties=parties, sessions=(year, *small.sessions)
    )


def _small(today: date) -> Scenario:
    first, second = today - timedelta(days=190), today - timedelta(days=75)
    first_month = today - timedelta(days=62)
    return Scenario(
        scenario="demo", zh="演示", en="demonstration", source=SOURCE, seed="demo", place="hubei-xianning", tenant=TENANT,
        congress="六届", begins=first - timedelta(days=28), ends=today,
        parties=Parties(city=12, county=0, township=4, homes=1, stations=2, group_size=6, units=len(UNITS), source=SOURCE),
        sessions=(
            SessionPlan(
                name="四次", opens=first, closes=first + timedelta(days=4), suggestions=12, source=SOURCE,
                results={"A": 7, "B": 4, "D": 1}, levels={"satisfied": 9, "basically_satisfied": 2, "dissatisfied": 1},
                key_supervised=2, transferred={"environment": 1},
            ),
            SessionPlan(
                name="五次", opens=second, closes=second + timedelta(days=4), suggestions=12, source=SOURCE,
                results={"A": 7, "B": 4, "D": 1}, levels={"satisfied": 9, "basically_satisfied": 1, "dissatisfied": 2},
                key_supervised=2, transferred={"environment": 1},
            ),
        ),
        receptions=Receptions(first=f"{first_month:%Y-%m}", months=2, policy="fixed", source=SOURCE),
    )  # fmt: skip


def named(cast: Cast) -> Mapping[str, str]:
    """What everybody is called on the pages."""
    found = {
        AFFAIRS: "李工（代表工委）",
        AFFAIRS2: "刘工（代表工委）", OFFICE1: "孙工（常委会办公室）",
        OFFICE2: "宋工（常委会办公室）",
        "office.head": "常委会办公室主任", GOV: "陈工（政府办公室）", LEADER: "市领导甲",
        "office.justice": "监察和司法委员会",
        "gov": "市人民政府", "operator": "系统管理员",
        SESSION: "大会秘书处", COUNCIL: "督办领导甲", COMMITTEE: "农业与农村委员会", PROSECUTOR: "检察官甲", CHIEF: "检察长",
    }  # fmt: skip
    for at, town in enumerate(cast.townships()):
        found |= {
            town.county.rpartition("/")[2]: f"县区{at + 1}人大（演示）",
            town.tenant.rpartition("/")[2]: f"{PLACES[at]}人大工委",
        }
        office = f"{PLACES[at]}办事处"
        found |= {
            town.office: office,
            clerk(town.office): f"{office}经办人",
            head(town.office): f"{office}负责人",
        }
        for which, bureau in enumerate(town.bureaus, 1):
            called = f"县区{at + 1}第{which}局（演示）"
            found |= {bureau: called, clerk(bureau): f"{called}经办人", head(bureau): f"{called}负责人"}
    for unit, name in zip(cast.units, UNITS, strict=True):
        found |= {unit: name, clerk(unit): f"{name}经办人", head(unit): f"{name}负责人"}
    for number, deputy in enumerate(cast.deputies, 1):
        found[deputy.id] = f"代表{number:02}（演示）"
    for place, station in zip((*PLACES, "演示"), cast.stations, strict=False):
        found |= {
            station.id: f"{place}代表{'之家' if station.home else '联络站'}",
            station.keeper: f"{place}站长",
            station.village: f"{place}社区",
            clerk(station.village): f"{place}社区经办人",
            head(station.village): f"{place}社区负责人",
        }
    return found


def offices(names: Mapping[str, str]) -> list[Party]:
    """The government, and the persons of the offices: a term knows them by their roles alone, a page shows names."""
    city = TENANT.rpartition("/")[2]
    persons = [
        Party(id=one, kind="staff", name=names[one], tenant=TENANT, parent=city)
        for one in (*OFFICE, "operator")
        if one in names
    ]
    return [Party(id="gov", kind="unit", name=names["gov"], tenant=TENANT, parent=city), *persons]
