#include "plugins/somtoday/src/scope_import.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sluice/connector/error.h"

namespace sluice::somtoday {
namespace {

using connector::Error;
using connector::Reason;
using connector::Record;

struct EntityNames {
  const char* path;  // Three list paths of Connect end in a slash, this is one of them.
  const char* envelope;
  const char* people;  // For a message.
};
constexpr EntityNames kNames[] = {{"leerling", "leerlingen", "pupils"},
                                  {"lesgroep/", "lesgroepen", "class groups"},
                                  {"medewerker", "medewerkers", "staff"}};

// How many missing records are asked for by uuid: one that is found is enough.
constexpr size_t kMostAsked = 100;
constexpr size_t kAskedAtOnce = 25;

bool HasCode(const absl::Status& status, const char* code) {
  const Error error = Error::From(status);
  return !error.diagnostics.empty() && error.diagnostics[0].code == code;
}

absl::Status NotWhole(const std::string& why) { return Error(Reason::kTransient, "SOM-0304", why); }

absl::Status NoField(const std::string& field) {
  return Error(
      Reason::kForbidden, "SOM-0205",
      absl::StrCat("the school does not show the field '", field, "'; ask it to grant this field to the link"));
}

const Json& ArrayAt(const Json& record, const char* key) {
  static const Json* const kNone = new Json(Json::array());
  const auto found = record.find(key);
  return found != record.end() && found->is_array() ? *found : *kNone;
}

// Whether records name school years, and none of them the one that was asked for.
bool IsOfAnotherYear(bool is_of_placements, SchoolYear wanted, const Json& records) {
  const std::string name = wanted.Name();
  bool is_named = false;
  for (const Json& record : records) {
    const Json one = Json::array({record});
    for (const Json& item : is_of_placements ? ArrayAt(record, "plaatsingen") : one) {
      const std::string year = TextAt(item, "schooljaar");
      if (year == name) return false;
      is_named |= !year.empty();
    }
  }
  return is_named;
}

}  // namespace

ScopeImport::ScopeImport(Session& session, const connector::ImportRequest& request, const Vestiging& vestiging,
                         connector::ScopeWriter& out, connector::RecordWriter& whole)
    : session_(session), request_(request), vestiging_(vestiging), out_(out), whole_(whole) {
  const Options& options = session.options();
  lists_[kLeerling].wanted =
      options.pupils && (WantsClass("leerling") || (options.placement && WantsClass("plaatsing")));
  lists_[kMedewerker].wanted =
      options.staff && (WantsClass("medewerker") || (options.employment && WantsClass("dienstverband")));
  lists_[kLesgroep].wanted = options.class_group && WantsClass("lesgroep_lid");
}

Wants ScopeImport::WantsOf(const char* object_class) const {
  const bool bsn = session_.options().bsn;
  return [this, object_class, bsn](const char* attribute) {
    const std::string_view name = attribute;
    if ((name == "BSN" || name == "bsn") && !bsn) return false;
    return request_.Wants(object_class, attribute);
  };
}

void ScopeImport::Fail(absl::Status& into, const absl::Status& why) {
  if (into.ok()) into = why;
  if (first_failure_.ok()) first_failure_ = why;
}

absl::Status ScopeImport::Explain(const absl::Status& why, Entity entity, const std::string& peil) const {
  Error error = Error::From(why);
  if (error.diagnostics.empty()) error.diagnostics.emplace_back();
  auto& diagnostic = error.diagnostics[0];
  if (diagnostic.code == "SOM-0201" && peil == "VOLGEND") {
    diagnostic.code = "SOM-0204";
    diagnostic.summary = "the right on this vestiging ends before the next school year; ask the school to prolong it";
  } else if (diagnostic.code == "SOM-0201" || diagnostic.code == "SOM-0202" || diagnostic.code == "SOM-0203") {
    diagnostic.summary += "; ask the school to grant it to the link";
  }
  diagnostic.summary = absl::StrCat(kNames[entity].people, ", ", peil, ": ", diagnostic.summary);
  return error;
}

absl::Status ScopeImport::Read() {
  const SchoolYear now = SchoolYear::Of(request_.as_of);
  for (const std::string& peil : session_.options().school_years) {
    if (absl::Status status = ReadYear(peil, peil == "VOLGEND" ? now.Next() : now); !status.ok()) return status;
    if (is_forbidden_) break;
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::ReadYear(const std::string& peil, SchoolYear school_year) {
  for (List& list : lists_) {
    list.seen.clear();
    list.named.clear();
    list.was_whole = false;
  }
  for (const Entity entity : {kLeerling, kLesgroep, kMedewerker}) {
    if (!lists_[entity].wanted) continue;
    if (absl::Status status = ReadList(entity, peil, school_year); !status.ok()) return status;
    if (is_forbidden_) return absl::OkStatus();
    // A 401 concerns the whole vestiging in that school year.
    if (HasCode(lists_[entity].whole, "SOM-0204")) {
      for (List& list : lists_) {
        if (list.wanted) Fail(list.whole, lists_[entity].whole);
      }
      return absl::OkStatus();
    }
  }
  for (const Entity entity : {kLeerling, kLesgroep, kMedewerker}) {
    if (absl::Status status = CheckNamed(entity, peil, school_year); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::ReadList(Entity entity, const std::string& peil, SchoolYear school_year) {
  whole_.Progress({absl::StrCat(vestiging_.naam, ": ", kNames[entity].people, " ", peil), 0, 0, std::nullopt});
  ListReader reader(session_,
                    absl::StrCat("/connect/vestiging/", vestiging_.uuid, "/", kNames[entity].path,
                                 "?veldpermissies=true&peilschooljaar=", peil),
                    kNames[entity].envelope, [&](const Json& records, const Json& permissions) {
                      return TakePage(entity, school_year, records, permissions);
                    });
  const ListReader::Outcome outcome = reader.Read();
  if (!outcome.abandoned.ok()) return outcome.abandoned;
  anything_ |= outcome.anything;
  lists_[entity].was_whole = outcome.whole.ok();
  if (outcome.whole.ok()) return absl::OkStatus();
  // The client itself is refused: nothing else will be read either.
  if (Error::From(outcome.whole).reason == Reason::kAuth) return outcome.whole;
  Fail(lists_[entity].whole, Explain(outcome.whole, entity, peil));
  if (HasCode(outcome.whole, "SOM-0201") && peil == "HUIDIG") {
    is_forbidden_ = true;
    for (List& list : lists_) Fail(list.whole, lists_[entity].whole);
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::CheckNamed(Entity entity, const std::string& peil, SchoolYear school_year) {
  List& list = lists_[entity];
  if (!list.wanted || !list.was_whole) return absl::OkStatus();
  std::vector<std::string> missing;
  for (const std::string& id : list.named) {
    if (!list.seen.contains(id)) missing.push_back(id);
  }
  if (missing.empty()) return absl::OkStatus();
  if (list.seen.empty()) {
    Fail(list.whole, Explain(NotWhole("the list is empty, while other lists name some of them"), entity, peil));
    return absl::OkStatus();
  }
  std::sort(missing.begin(), missing.end());
  missing.resize(std::min(missing.size(), kMostAsked));
  Fetcher fetcher(session_);
  for (size_t at = 0; at < missing.size(); at += kAskedAtOnce) {
    std::string path =
        absl::StrCat("/connect/vestiging/", vestiging_.uuid, "/", kNames[entity].path,
                     "?veldpermissies=true&peilschooljaar=", peil, "&offset=0&amount=", session_.options().page_size);
    for (size_t i = at; i < std::min(missing.size(), at + kAskedAtOnce); ++i)
      absl::StrAppend(&path, "&uuid=", missing[i]);
    auto body = fetcher.Get(path, kNames[entity].envelope);
    if (!body.ok()) {
      Fail(list.whole, Explain(body.status(), entity, peil));
      return absl::OkStatus();
    }
    const Json& found = (*body)[kNames[entity].envelope];
    // Not delivered either: the school shows this client only some of them, which is its right.
    if (found.empty()) continue;
    const auto permissions = body->find("veldpermissies");
    if (absl::Status status =
            TakePage(entity, school_year, found, permissions == body->end() ? Json::object() : *permissions);
        !status.ok())
      return status;
    Fail(list.whole,
         Explain(NotWhole("the list was not whole: some that it lacks are there when asked for"), entity, peil));
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::TakePage(Entity entity, SchoolYear school_year, const Json& records,
                                   const Json& permissions) {
  List& list = lists_[entity];
  if (entity != kMedewerker && IsOfAnotherYear(entity == kLeerling, school_year, records)) {
    Fail(list.whole, NotWhole("the list is that of another school year"));
    return absl::OkStatus();
  }
  for (const Json& record : records) {
    const std::string uuid = TextAt(record, "uuid");
    if (uuid.empty()) {
      Fail(list.whole, Error(Reason::kForbidden, "SOM-0402",
                             absl::StrCat(kNames[entity].people,
                                          ": records come without uuid; ask the school to grant the field 'uuid'")));
      continue;
    }
    if (!list.seen.insert(uuid).second) continue;
    absl::Status status = entity == kLeerling     ? TakeLeerling(record, permissions)
                          : entity == kMedewerker ? TakeMedewerker(record, permissions, school_year)
                                                  : TakeLesgroep(record, permissions, school_year);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void ScopeImport::NameGroups(const Json& person) {
  for (const Json& group : ArrayAt(person, "lesgroepen")) {
    const std::string uuid = TextAt(group, "uuid");
    if (!uuid.empty() && TextAt(group, "vestiging.uuid") == vestiging_.uuid) lists_[kLesgroep].named.insert(uuid);
  }
}

absl::Status ScopeImport::TakeLeerling(const Json& json, const Json& permissions) {
  const std::string uuid = TextAt(json, "uuid");
  NameGroups(json);
  if (WantsClass("leerling")) {
    if (absl::Status status = Add(LeerlingRecord(json, permissions, WantsOf("leerling"))); !status.ok()) return status;
  }
  if (!session_.options().placement || !WantsClass("plaatsing")) return absl::OkStatus();
  absl::Status& placements = lists_[kLeerling].special;
  if (May(permissions, "plaatsingen") == std::optional<bool>(false)) {
    Fail(placements, Explain(NoField("plaatsingen"), kLeerling, "HUIDIG"));
    return absl::OkStatus();
  }
  static const Json* const kNothing = new Json(Json::object());
  const auto inner = permissions.find("plaatsingVeldpermissies");
  const Json& own = inner == permissions.end() ? *kNothing : *inner;
  const Json& list = ArrayAt(json, "plaatsingen");
  // A pupil is in the list because of a placement.
  if (list.empty()) Fail(placements, NotWhole("some pupils come without the placement that they have"));
  for (const Json& plaatsing : list) {
    if (TextAt(plaatsing, "uuid").empty()) {
      Fail(placements, Explain(NoField("plaatsing uuid"), kLeerling, "HUIDIG"));
      continue;
    }
    const Record record = PlaatsingRecord(plaatsing, own, uuid, vestiging_, WantsOf("plaatsing"));
    if (absl::Status status = Add(record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::TakeMedewerker(const Json& json, const Json& permissions, SchoolYear school_year) {
  NameGroups(json);
  if (WantsClass("medewerker")) {
    const Record record = MedewerkerRecord(json, permissions, WantsOf("medewerker"));
    if (absl::Status status = Add(record); !status.ok()) return status;
  }
  if (!session_.options().employment || !WantsClass("dienstverband")) return absl::OkStatus();
  return Add(DienstverbandRecord(json, permissions, vestiging_, school_year, WantsOf("dienstverband")));
}

absl::Status ScopeImport::TakeLesgroep(const Json& json, const Json& permissions, SchoolYear school_year) {
  // Without a name nobody can say what to do with it; a name that may not be seen is another thing.
  if (TextAt(json, "naam").empty() && May(permissions, "naam") == std::optional<bool>(true)) {
    ++nameless_groups_;
    return absl::OkStatus();
  }
  if (session_.options().pupils) {
    absl::Status status = TakeMembers(json, permissions, "leerlingen", "leerling", school_year);
    if (!status.ok()) return status;
  }
  if (session_.options().staff) return TakeMembers(json, permissions, "docenten", "medewerker", school_year);
  return absl::OkStatus();
}

absl::Status ScopeImport::TakeMembers(const Json& json, const Json& permissions, const char* key,
                                      const char* member_class, SchoolYear school_year) {
  const auto members = json.find(key);
  if (members == json.end() || !members->is_array()) {
    Fail(lists_[kLesgroep].special, Explain(NoField(absl::StrCat("lesgroep ", key)), kLesgroep, "HUIDIG"));
    return absl::OkStatus();
  }
  List& theirs = lists_[std::string_view(member_class) == "leerling" ? kLeerling : kMedewerker];
  for (const Json& member : *members) {
    // An object since 2024, a bare uuid before; teachers are bare uuids.
    const std::string uuid = member.is_string() ? member.get<std::string>() : TextAt(member, "uuid");
    if (uuid.empty()) continue;
    const std::string home = member.is_string() ? "" : TextAt(member, "vestiging.uuid");
    if (home.empty() || home == vestiging_.uuid) theirs.named.insert(uuid);
    const Record record =
        LesgroepLidRecord(json, permissions, member_class, uuid, vestiging_, school_year, WantsOf("lesgroep_lid"));
    if (absl::Status status = Add(record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ScopeImport::Add(const Record& record) {
  if (!written_[record.object_class()].insert(record.id()).second) return absl::OkStatus();
  return out_.Add(record);
}

absl::Status ScopeImport::FinishClass(const char* object_class, bool chosen, const absl::Status& whole) {
  if (!WantsClass(object_class)) return absl::OkStatus();
  if (!chosen) {
    return out_.NotRead(object_class, Error(Reason::kUnsupported, "SOM-0501",
                                            absl::StrCat("the settings do not choose ", object_class,
                                                         "; see people and contracts in the system's file")));
  }
  if (whole.ok()) return out_.CompleteClass(object_class);
  if (written_[object_class].empty()) return out_.NotRead(object_class, Error::From(whole));
  return out_.Partial(object_class, Error::From(whole));
}

absl::Status ScopeImport::Finish() {
  const Options& options = session_.options();
  if (nameless_groups_ > 0) {
    whole_.Warn("SOM-0401", absl::StrCat(vestiging_.naam, ": ", nameless_groups_,
                                         nameless_groups_ == 1 ? " class group has" : " class groups have",
                                         " no name; left out until Somtoday gives one"));
  }
  const auto both = [](const List& list) { return list.whole.ok() ? list.special : list.whole; };
  absl::Status status = FinishClass("leerling", options.pupils, lists_[kLeerling].whole);
  if (status.ok()) status = FinishClass("plaatsing", options.pupils && options.placement, both(lists_[kLeerling]));
  if (status.ok()) status = FinishClass("lesgroep_lid", options.class_group, both(lists_[kLesgroep]));
  if (status.ok()) status = FinishClass("medewerker", options.staff, lists_[kMedewerker].whole);
  if (status.ok())
    status = FinishClass("dienstverband", options.staff && options.employment, lists_[kMedewerker].whole);
  return status;
}

}  // namespace sluice::somtoday
