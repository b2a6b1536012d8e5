#include "plugins/somtoday/src/records.h"

#include <cstdlib>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::somtoday {
namespace {

using connector::Record;
using connector::Value;

// "stamgroep.naam"; null when some step is not there.
const Json* Find(const Json& record, std::string_view path) {
  const Json* at = &record;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    const std::string step(path.substr(0, dot));
    if (!at->is_object()) return nullptr;
    const auto found = at->find(step);
    if (found == at->end() || found->is_null()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::optional<std::string> AsText(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_integer() || json.is_boolean()) return json.dump();
  return std::nullopt;
}

Value Convert(const Json& json, FieldKind kind) {
  const std::optional<std::string> text = AsText(json);
  if (!text) return Value::NotVisible();
  if (text->empty()) return Value::Empty();
  if (kind == FieldKind::kText) return Value(*text);
  if (kind == FieldKind::kInteger) {
    int64_t number = 0;
    return absl::SimpleAtoi(*text, &number) ? Value(number) : Value::NotVisible();
  }
  absl::CivilDay day;
  return absl::ParseCivilTime(text->substr(0, 10), &day) ? Value(day) : Value::NotVisible();
}

Value MentorOf(const Json& plaatsing, const Json& permissions) {
  const Json* mentoren = Find(plaatsing, "mentoren");
  std::string chosen;
  if (mentoren != nullptr && mentoren->is_array()) {
    for (const Json& mentor : *mentoren) {
      const std::string uuid = TextAt(mentor, "medewerker_uuid");
      // Of this very placement before that of the stamgroep.
      if (uuid.empty() || (!chosen.empty() && TextAt(mentor, "toewijzing") != "Plaatsing")) continue;
      chosen = uuid;
    }
  }
  if (!chosen.empty()) return Value(chosen);
  for (const char* permission : {"mentor_plaatsing", "eerste_mentor_stamgroep", "tweede_mentor_stamgroep"}) {
    if (May(permissions, permission) != std::optional<bool>(true)) return Value::NotVisible();
  }
  return Value::Empty();
}

}  // namespace

SchoolYear SchoolYear::Of(absl::CivilDay day) {
  return SchoolYear{static_cast<int>(day.year()) - (day.month() >= 8 ? 0 : 1)};
}

std::string SchoolYear::Name() const { return absl::StrCat(first, "/", first + 1); }

std::optional<bool> May(const Json& permissions, const char* permission) {
  if (!permissions.is_object()) return std::nullopt;
  const auto found = permissions.find(permission);
  if (found == permissions.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

std::string TextAt(const Json& record, const char* key) {
  const Json* found = Find(record, key);
  return found == nullptr ? "" : AsText(*found).value_or("");
}

Value ValueOf(const Json& record, const FieldSpec& field, const Json& permissions) {
  if (const Json* found = Find(record, field.path)) return Convert(*found, field.kind);
  return May(permissions, field.permission) == std::optional<bool>(true) ? Value::Empty() : Value::NotVisible();
}

void SetFields(Record& record, const Json& json, const std::vector<FieldSpec>& fields, const Json& permissions,
               const Wants& wants) {
  for (const FieldSpec& field : fields) {
    if (wants(field.attribute)) record.Set(field.attribute, ValueOf(json, field, permissions));
  }
}

void SetVestiging(Record& record, const Vestiging& vestiging) {
  const auto text = [](const std::string& value) { return value.empty() ? Value::NotVisible() : Value(value); };
  record.Set("vestiging", vestiging.uuid);
  record.Set("vestiging_naam", text(vestiging.naam));
  record.Set("vestiging_code", text(vestiging.code));
}

Record LeerlingRecord(const Json& json, const Json& permissions, const Wants& wants) {
  Record record("leerling", TextAt(json, "uuid"));
  record.Name(TextAt(json, "leerlingnummer"));
  SetFields(record, json, LeerlingFields(), permissions, wants);
  return record;
}

Record PlaatsingRecord(const Json& json, const Json& permissions, const std::string& leerling,
                       const Vestiging& vestiging, const Wants& wants) {
  Record record("plaatsing", TextAt(json, "uuid"));
  record.SetReference("leerling", "leerling", leerling);
  SetFields(record, json, PlaatsingFields(), permissions, wants);
  if (wants("mentor")) record.Set("mentor", MentorOf(json, permissions));
  SetVestiging(record, vestiging);
  return record;
}

Record MedewerkerRecord(const Json& json, const Json& permissions, const Wants& wants) {
  Record record("medewerker", TextAt(json, "uuid"));
  record.Name(TextAt(json, "afkorting"));
  SetFields(record, json, MedewerkerFields(), permissions, wants);
  if (const std::string* number = record.Get("nummer").text()) {
    // "Medewerker 51326" here, a bare number elsewhere.
    absl::string_view bare = *number;
    if (absl::StartsWithIgnoreCase(bare, "medewerker ")) bare.remove_prefix(11);
    record.Set("nummer", std::string(absl::StripLeadingAsciiWhitespace(bare)));
  }
  return record;
}

Record DienstverbandRecord(const Json& json, const Json& permissions, const Vestiging& vestiging,
                           SchoolYear school_year, const Wants& wants) {
  const std::string uuid = TextAt(json, "uuid");
  Record record("dienstverband", absl::StrCat(uuid, "|", vestiging.uuid));
  record.SetReference("medewerker", "medewerker", uuid);
  SetFields(record, json, DienstverbandFields(), permissions, wants);
  if (wants("begindatum") && !record.Get("begindatum").has_value()) record.SetDate("begindatum", school_year.Start());
  if (wants("volgorde")) {
    const std::string main = TextAt(json, "hoofdvestiging.uuid");
    record.Set("volgorde", main.empty() ? Value::NotVisible() : Value(main == vestiging.uuid ? 2 : 1));
  }
  SetVestiging(record, vestiging);
  return record;
}

Record LesgroepLidRecord(const Json& lesgroep, const Json& permissions, const char* member_class,
                         const std::string& member, const Vestiging& vestiging, SchoolYear school_year,
                         const Wants& wants) {
  const std::string group = TextAt(lesgroep, "uuid");
  Record record("lesgroep_lid", absl::StrCat(group, "|", member));
  record.SetReference("lid", member_class, member);
  record.Set("lesgroep", group);
  record.Set("rol", std::string_view(member_class) == "leerling" ? "leerling" : "docent");
  SetFields(record, lesgroep, LesgroepFields(), permissions, wants);
  record.Set("schooljaar", school_year.Name());
  record.SetDate("begindatum", school_year.Start());
  record.SetDate("einddatum", school_year.End());
  SetVestiging(record, vestiging);
  return record;
}

}  // namespace sluice::somtoday
