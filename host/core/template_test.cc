#include "host/core/template.h"

#include <map>

#include "gtest/gtest.h"
#include "host/core/template_functions.h"

namespace sluice::core {
namespace {

std::map<std::string, Value> Fixture() {
  return {{"a.nick", Value::Text("Zo\u00EB")},
          {"a.family", Value::Text("van 't Hoff-de Groot")},
          {"a.jans", Value::Text("Oosterhuis-van St. Jans")},
          {"a.empty", Value::Empty()},
          {"a.year", Value::Integer(4)},
          {"a.fte", Value::Number({800000})},
          {"a.flag", Value::Flag(true)},
          {"a.day", Value::Date(absl::CivilDay(2026, 8, 1))},
          {"a.daytext", Value::Text("2026-12-31")},
          {"a.list", Value::ListOf({Value::Text("h4.bio2"), Value::Text("h4.wis1"), Value::Text("h4.bio2")})},
          {"a.partial", Value::PartialListOf({Value::Text("x")})},
          {"a.nothing", Value::ListOf({})},
          {"a.gap", Value::ListOf({Value::Text("x"), Value::NotVisible()})},
          {"a.number", Value::Text("PC 104233-B")},
          {"a.map", Value::MapOf({{"k", Value::Text("v")}})},
          {"a.dutch", Value::Text("31-12-2026")},
          {"n", Value::Integer(2)}};
}

Value Evaluated(absl::string_view text) {
  auto made = Template::Parse(text);
  EXPECT_TRUE(made.ok()) << text << ": " << made.status();
  if (!made.ok()) return Value::Text("<does not parse>");
  static const auto* fields = new std::map<std::string, Value>(Fixture());
  return made->Evaluate([](const std::string& path) {
    auto found = fields->find(path);
    return found == fields->end() ? Value::NotVisible() : found->second;
  });
}

struct Case {
  const char* text;
  Value value;
};

TEST(Template, IsTextWithFieldsInIt) {
  for (const Case& c : std::vector<Case>{
           {"plain", Value::Text("plain")},
           {"", Value::Empty()},
           {"{a.nick} ({a.year})", Value::Text("Zo\u00EB (4)")},
           {"OU={a.nick | ascii},OU=Leerlingen", Value::Text("OU=Zoe,OU=Leerlingen")},
           {"{{{a.year}}}", Value::Text("{4}")},
           {"a{{b}}c", Value::Text("a{b}c")},
           {"x{a.empty}y", Value::Text("xy")},
           {"{a.empty}{a.empty}", Value::Empty()},
           {"x{a.hidden}y", Value::NotVisible()},
           {"{a.empty}{a.hidden}", Value::NotVisible()},
           {"x{a.partial}", Value::NotVisible()},
           {"x{a.gap}", Value::NotVisible()},
           {"x {a.list}", Value::Text("x h4.bio2, h4.wis1, h4.bio2")},
           {"{a.nick | lower | left(1)}{n}", Value::Text("z2")},
       }) {
    EXPECT_TRUE(Evaluated(c.text) == c.value) << c.text << " gave " << Evaluated(c.text).ToText();
  }
}

TEST(Template, OfOnePlaceholderKeepsTheType) {
  for (const Case& c : std::vector<Case>{{"{a.year}", Value::Integer(4)},
                                         {"{ a.fte }", Value::Number({800000})},
                                         {"{a.flag}", Value::Flag(true)},
                                         {"{a.day}", Value::Date(absl::CivilDay(2026, 8, 1))},
                                         {"{a.empty}", Value::Empty()},
                                         {"{a.hidden}", Value::NotVisible()},
                                         {"{a.partial}", Value::PartialListOf({Value::Text("x")})},
                                         {"{a.map}", Value::MapOf({{"k", Value::Text("v")}})}}) {
    EXPECT_TRUE(Evaluated(c.text) == c.value) << c.text;
  }
  EXPECT_TRUE(Evaluated("{a.year} ") == Value::Text("4"));
  EXPECT_TRUE(Evaluated("{a.year}.") == Value::Text("4."));
}

// C13: a directory trims such blanks, and then shows another value than was written.
TEST(Template, LeavesNoBlankAtTheEndsNorTwoInARow) {
  EXPECT_TRUE(Evaluated(" {a.year}  {a.empty} x ") == Value::Text("4 x"));
  EXPECT_TRUE(Evaluated("{a.empty} ") == Value::Empty());
}

TEST(TemplateFunctions, DoWhatTheTableSays) {
  Value::List once = {Value::Text("h4.bio2"), Value::Text("h4.wis1")};
  for (const Case& c : std::vector<Case>{
           {"{a.nick | ascii}", Value::Text("Zoe")},
           {"{a.nick | upper}", Value::Text("ZO\u00CB")},
           {"{a.nick | left(3)}", Value::Text("Zo\u00EB")},
           {"{a.nick | left(0)}", Value::Empty()},
           {"{a.nick | right(1)}", Value::Text("\u00EB")},
           {"{a.nick | substring(2, 1)}", Value::Text("o")},
           {"{a.nick | substring(2)}", Value::Text("o\u00EB")},
           {"{a.family | ascii | lower | compact}", Value::Text("vanthoff-degroot")},
           {"{a.jans | ascii | lower | compact | left(17)}", Value::Text("oosterhuis-vanst.")},
           {"{a.nick | compact}", Value::Text("Zo\u00EB")},
           {"{a.family | initials}", Value::Text("VTHDG")},
           {"{a.family | upper | title}", Value::Text("Van 't Hoff-De Groot")},
           {"{a.number | digits}", Value::Text("104233")},
           {"{a.number | digits | number}", Value::Integer(104233)},
           {"{a.nick | number}", Value::NotVisible()},
           {"{a.year | pad(3)}", Value::Text("004")},
           {"{a.year | pad(2, x)}", Value::Text("x4")},
           {"{a.number | pad(3)}", Value::Text("PC 104233-B")},
           {"{a.year | prefix(p) | suffix(' !')}", Value::Text("p4 !")},
           {"{a.empty | prefix(p)}", Value::Empty()},
           {"{a.hidden | prefix(p)}", Value::NotVisible()},
           {"{a.number | replace(' ', '')}", Value::Text("PC104233-B")},
           {"{a.number | replace(\"PC \", 'a,b) ')}", Value::Text("a,b) 104233-B")},
           {"{a.empty | default(x)}", Value::Text("x")},
           {"{a.nick | default(x)}", Value::Text("Zo\u00EB")},
           {"{a.hidden | default(x)}", Value::NotVisible()},
           {"{a.empty | if_empty(a.year)}", Value::Integer(4)},
           {"{a.empty | if_empty(a.hidden)}", Value::NotVisible()},
           {"{a.nick | if_empty(a.hidden)}", Value::Text("Zo\u00EB")},
           {"{a.list | first}", Value::Text("h4.bio2")},
           {"{a.list | last}", Value::Text("h4.bio2")},
           {"{a.list | item(2)}", Value::Text("h4.wis1")},
           {"{a.list | item(-2)}", Value::Text("h4.wis1")},
           {"{a.list | item(9)}", Value::Empty()},
           {"{a.nothing | first}", Value::Empty()},
           {"{a.nick | first}", Value::Text("Zo\u00EB")},
           {"{a.partial | first}", Value::NotVisible()},
           {"{a.list | unique}", Value::ListOf(once)},
           {"{a.list | unique | upper | join('; ')}", Value::Text("H4.BIO2; H4.WIS1")},
           {"{a.partial | join(',')}", Value::NotVisible()},
           {"{a.gap | join(',')}", Value::NotVisible()},
           {"{a.nothing | join(',')}", Value::Empty()},
           {"{a.family | split('-') | item(2)}", Value::Text("de Groot")},
           {"{a.day | date(dd-MM-yyyy)}", Value::Text("01-08-2026")},
           {"{a.day | date('d/M/yy')}", Value::Text("1/8/26")},
           {"{a.daytext | date(yyyyMMdd)}", Value::Text("20261231")},
           {"{a.nick | date(yyyy)}", Value::NotVisible()},
           {"{a.day | add_days(-1)}", Value::Date(absl::CivilDay(2026, 7, 31))},
           {"{a.year | add_days(1)}", Value::NotVisible()},
           {"{a.dutch | parse_date(dd-MM-yyyy)}", Value::Date(absl::CivilDay(2026, 12, 31))},
           {"{a.dutch | parse_date(MM-dd-yyyy)}", Value::NotVisible()},
           {"{a.year | lookup(3=drie, 4=vier)}", Value::Text("vier")},
           {"{a.flag | lookup(true=ja, *=nee)}", Value::Text("ja")},
           {"{a.nick | lookup(x=y, *=other)}", Value::Text("other")},
           {"{a.nick | lookup(x=y)}", Value::NotVisible()},
           {"{a.year | text}", Value::Text("4")},
           {"{a.map | lower}", Value::NotVisible()},
           {"{a.nick | trim()}", Value::Text("Zo\u00EB")},
       }) {
    EXPECT_TRUE(Evaluated(c.text) == c.value) << c.text << " gave \"" << Evaluated(c.text).ToText() << "\"";
  }
}

TEST(TemplateFunctions, StandInOneTableByNameWithHelp) {
  const TemplateFunction* before = nullptr;
  for (const TemplateFunction& function : TemplateFunctions()) {
    EXPECT_FALSE(function.help.empty()) << function.name;
    EXPECT_EQ(function.usage.substr(0, function.name.size()), function.name);
    EXPECT_TRUE(before == nullptr || before->name < function.name) << function.name;
    EXPECT_EQ(FindTemplateFunction(function.name), &function);
    before = &function;
  }
  EXPECT_EQ(FindTemplateFunction("upperr"), nullptr);
}

TEST(Template, SaysWhereItIsWrongAndWhatIsNear) {
  struct ErrorCase {
    const char* text;
    const char* message;
  };
  for (const ErrorCase& c : std::vector<ErrorCase>{
           {"{a.nick | uper}", "at 10: unknown function \"uper\"; did you mean \"upper\"?"},
           {"\u00EB{a | transliterate}",
            "at 7: unknown function \"transliterate\"; `sluice config schema --reference` lists them"},
           {"x {a.nick", "at 2: \"{\" is never closed"},
           {"x } y", "at 2: \"}\" without \"{\"; a brace itself is written \"}}\""},
           {"{}", "at 1: a field must stand here, such as person.name.nick"},
           {"{a..b}", "at 1: \"a..b\" is no field: a part between full stops is missing"},
           {"{a b}", "at 3: \"b\" where \"|\" or \"}\" must stand"},
           {"{a | }", "at 5: the name of a function must stand behind \"|\""},
           {"{a | left}", "at 5: \"left\" is written left(n)"},
           {"{a | left(1, 2)}", "at 5: \"left\" is written left(n)"},
           {"{a | left(x)}", "at 10: \"x\" is no count; \"left\" is written left(n)"},
           {"{a | left(-1)}", "at 10: \"-1\" is no count; \"left\" is written left(n)"},
           {"{a | lower(1)}", "at 5: \"lower\" is written lower"},
           {"{a | left(1}", "at 10: a \")\" is missing, or a brace has no quotes"},
           {"{a | join('x}", "at 10: a quote is never closed"},
           {"{a | join('x' y)}", "at 14: \"y\" behind a closing quote"},
           {"{a | lookup(x)}", "at 12: \"lookup\" is written lookup(value=text, *=text)"},
           {"{a | if_empty('b c')}", "at 14: \"b c\" is no field; \"if_empty\" is written if_empty(other.field)"},
       }) {
    absl::Status status = Template::Parse(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_EQ(status.message(), c.message) << c.text;
  }
}

TEST(Template, KnowsWhichFieldsItReads) {
  auto made = Template::Parse("{b.x | if_empty(c.y)} {a.z} {b.x}{n}");
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->paths(), (std::vector<std::string>{"b.x", "c.y", "a.z"}));
  EXPECT_TRUE(made->uses_counter());
  EXPECT_EQ(made->text(), "{b.x | if_empty(c.y)} {a.z} {b.x}{n}");
  EXPECT_FALSE(Template::Parse("{a}")->uses_counter());
}

TEST(Template, MayBeAConstantOrNothing) {
  auto none = [](const std::string&) { return Value::NotVisible(); };
  EXPECT_TRUE(Template::Constant(Value::Flag(false)).Evaluate(none) == Value::Flag(false));
  EXPECT_TRUE(Template::Constant(Value::Empty()).Evaluate(none) == Value::Empty());
  EXPECT_TRUE(Template().Evaluate(none) == Value::Empty());
  EXPECT_EQ(Template::Constant(Value::Integer(4)).text(), "4");
  EXPECT_TRUE(Template().paths().empty());
}

TEST(Template, WhatIsLeftWhenAllButTheCounterIsKnownGivesTheSameForEachCount) {
  const auto lookup = [](const std::string& path) {
    return path == "family" ? Value::Text("Bakker") : path == "none" ? Value::Empty() : Value::NotVisible();
  };
  for (const char* text : {"{family | lower}{n}", "{n}", "{family}", "x", "{none}.{n}.{none | if_empty(n)}",
                           "{hidden}{n}", "{hidden}", "{n | left(1)}-{family | left(3)}"}) {
    const auto whole = Template::Parse(text);
    ASSERT_TRUE(whole.ok()) << text;
    const Template left = whole->WithKnown(lookup);
    for (int64_t n : {2, 13}) {
      const auto counted = [&](const std::string& path) { return path == "n" ? Value::Integer(n) : lookup(path); };
      EXPECT_TRUE(left.Evaluate(counted) == whole->Evaluate(counted)) << text << " " << n;
    }
  }
}

}  // namespace
}  // namespace sluice::core
