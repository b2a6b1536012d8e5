#include "plugins/somtoday/twin/render.h"

#include <algorithm>

#include "plugins/somtoday/twin/json_out.h"

namespace sluice::somtoday_twin {
namespace {

bool Overlaps(Day start, Day end, Day from, Day until) { return start <= until && end >= from; }

// Writes the fields of one record that may be seen.
class Fields {
 public:
  Fields(JsonOut& out, const Seen& seen) : out_(out), seen_(seen) {}
  bool May(std::string_view permission) const { return seen_.contains(permission); }
  void Text(std::string_view key, const std::string& value) {
    if (May(key) && !value.empty()) out_.Field(key, value);
  }
  void Number(std::string_view key, int64_t value) {
    if (May(key)) out_.Number(key, value);
  }
  void Bool(std::string_view key, bool value) {
    if (May(key)) out_.Bool(key, value);
  }

 private:
  JsonOut& out_;
  const Seen& seen_;
};

void Reference(JsonOut& out, std::string_view key, const Vestiging& vestiging) {
  out.Key(key);
  out.BeginObject();
  out.Field("uuid", vestiging.uuid);
  out.Field("naam", vestiging.naam);
  out.EndObject();
}

const Vestiging& At(const School& school, int vestiging) { return school.vestigingen[static_cast<size_t>(vestiging)]; }
const Niveau& NiveauOf(int niveau) { return kNiveaus[static_cast<size_t>(niveau)]; }

void WriteOpleiding(JsonOut& out, const Opleiding& opleiding) {
  const Niveau& niveau = NiveauOf(opleiding.niveau);
  const std::string year = std::to_string(opleiding.leerjaar);
  out.BeginObject();
  out.Field("uuid", opleiding.uuid);
  out.Field("afkorting", niveau.code + year);
  out.Field("naam", std::string(niveau.soort) + " " + year);
  out.Field("code", std::to_string(1000 + opleiding.niveau * 10 + opleiding.leerjaar));
  out.Field("landelijke_naam", niveau.soort);
  out.Key("leerjaren");
  out.BeginArray();
  out.Integer(opleiding.leerjaar);
  out.EndArray();
  out.EndObject();
}

void WriteMentor(JsonOut& out, const School& school, const Stamgroep& stamgroep, bool may) {
  out.Key("mentoren");
  out.BeginArray();
  if (may && stamgroep.mentor >= 0) {
    out.BeginObject();
    out.Field("medewerker_uuid", school.staff[static_cast<size_t>(stamgroep.mentor)].uuid);
    out.Field("toewijzing", "EersteMentorStamgroep");
    out.EndObject();
  }
  out.EndArray();
}

void WritePlaatsing(JsonOut& out, const School& school, const Placement& placement, const Seen& seen) {
  const Stamgroep& stamgroep = school.stamgroepen[placement.stamgroep];
  Fields fields(out, seen);
  out.BeginObject();
  fields.Text("uuid", placement.uuid);
  fields.Text("schooljaar", SchoolYearName(placement.school_year));
  fields.Text("startdatum", FormatDay(placement.start));
  fields.Text("einddatum", FormatDay(placement.end));
  fields.Number("leerjaar", placement.leerjaar);
  if (fields.May("opleiding")) {
    for (const Opleiding& opleiding : school.opleidingen) {
      if (opleiding.vestiging != placement.vestiging || opleiding.niveau != stamgroep.niveau ||
          opleiding.leerjaar != placement.leerjaar)
        continue;
      out.Key("opleiding");
      WriteOpleiding(out, opleiding);
    }
  }
  if (fields.May("stamgroep")) {
    out.Key("stamgroep");
    out.BeginObject();
    out.Field("uuid", stamgroep.uuid);
    out.Field("naam", stamgroep.naam);
    out.Field("omschrijving", std::string("Klas ") + stamgroep.naam);
    out.Number("leerjaar", stamgroep.leerjaar);
    out.Field("onderwijssoort", NiveauOf(stamgroep.niveau).soort);
    out.EndObject();
  }
  WriteMentor(out, school, stamgroep, fields.May("eerste_mentor_stamgroep"));
  if (fields.May("opleidingskenmerken")) {
    out.Key("opleidingskenmerken");
    out.BeginArray();
    out.EndArray();
  }
  out.EndObject();
}

void WriteAdres(JsonOut& out, uint64_t random) {
  static constexpr const char* kStreets[] = {"Dijkweg", "Sluiskade", "Polderlaan", "Molenpad"};
  const std::string number = std::to_string(1 + random % 200);
  out.Key("adres");
  out.BeginObject();
  out.Field("postcode", std::to_string(1000 + random % 9000) + "ZZ");
  out.Field("straat", kStreets[random % 4]);
  out.Field("huisnummer", number);
  out.Field("huisnummer_zonder_toevoeging", number);
  out.Field("woonplaats", "Waterdorp");
  out.Field("land", "Nederland");
  out.EndObject();
}

void WriteGroupReference(JsonOut& out, const School& school, uint32_t index) {
  const Lesgroep& group = school.lesgroepen[index];
  out.BeginObject();
  out.Field("uuid", group.uuid);
  if (!group.naam.empty()) out.Field("naam", group.naam);
  Reference(out, "vestiging", At(school, group.vestiging));
  out.EndObject();
}

bool Shown(const School& school, const Membership& membership, const View& view) {
  const Lesgroep& group = school.lesgroepen[membership.lesgroep];
  return !group.removed && group.school_year == view.school_year &&
         Overlaps(membership.from, membership.until, view.members_from, view.until);
}

void WriteVakkeuzes(JsonOut& out, const School& school, const Pupil& pupil, const View& view) {
  out.Key("vakkeuzes");
  out.BeginArray();
  for (const Membership& membership : pupil.memberships) {
    const Lesgroep& group = school.lesgroepen[membership.lesgroep];
    if (!Shown(school, membership, view) || group.vak < 0) continue;
    const Vak& vak = school.vakken[static_cast<size_t>(group.vak)];
    const std::string level = std::string(NiveauOf(group.niveau).soort) + " " + std::to_string(group.leerjaar);
    out.BeginObject();
    // Some have no uuid.
    const uint64_t id = static_cast<uint64_t>(pupil.number) * 1000 + static_cast<uint64_t>(group.vak);
    if (id % 33 != 0) out.Field("uuid", MakeUuid(school.seed, "92", id));
    out.Field("begindatum", FormatDay(membership.from));
    out.Field("einddatum", FormatDay(membership.until));
    out.Field("school_vaknaam", vak.naam);
    out.Field("school_vakafkorting", vak.afkorting);
    out.Field("niveau", level);
    out.Number("leerjaar", group.leerjaar);
    out.Field("onderwijssoort", NiveauOf(group.niveau).soort);
    out.Field("opleiding", level);
    out.EndObject();
  }
  out.EndArray();
}

void WriteLeerling(JsonOut& out, const School& school, int vestiging, const Pupil& pupil, const View& view,
                   const Eyes& eyes) {
  Fields fields(out, eyes.own);
  out.BeginObject();
  fields.Text("uuid", pupil.uuid);
  fields.Text("eckid", "https://ketenid.nl/sim/" + pupil.uuid);
  fields.Number("leerlingnummer", pupil.number);
  fields.Text("roepnaam", pupil.roepnaam);
  fields.Text("voornamen", pupil.roepnaam);
  fields.Text("voorletters", pupil.voorletters);
  if (pupil.prefix_is_empty_text && pupil.voorvoegsel.empty() && fields.May("voorvoegsel"))
    out.Field("voorvoegsel", "");
  fields.Text("voorvoegsel", pupil.voorvoegsel);
  fields.Text("achternaam", pupil.achternaam);
  fields.Text("geslacht", pupil.woman ? "VROUW" : "MAN");
  fields.Text("geboortedatum", FormatDay(pupil.birth));
  fields.Text("emailadres", pupil.email);
  fields.Text("gebruikersnaam", std::to_string(pupil.number));
  if (pupil.number % 3 == 0) fields.Text("mobielnummer", "06-" + std::to_string(10000000 + pupil.number));
  fields.Text("BSN", std::to_string(900000000 + pupil.number));
  out.Bool("adres_geheim", pupil.address_secret);
  if (fields.May("adres") && !pupil.address_secret) WriteAdres(out, static_cast<uint64_t>(pupil.number));
  const bool active = std::any_of(pupil.placements.begin(), pupil.placements.end(), [&](const Placement& placement) {
    return Overlaps(placement.start, placement.end, view.today, view.today);
  });
  fields.Bool("isActief", active);
  Reference(out, "vestiging", At(school, vestiging));
  if (fields.May("plaatsingen")) {
    out.Key("plaatsingen");
    out.BeginArray();
    for (const Placement& placement : pupil.placements) {
      if (placement.vestiging != vestiging || !Overlaps(placement.start, placement.end, view.from, view.until))
        continue;
      WritePlaatsing(out, school, placement, eyes.plaatsing);
    }
    out.EndArray();
  }
  if (fields.May("lesgroepen")) {
    out.Key("lesgroepen");
    out.BeginArray();
    for (const Membership& membership : pupil.memberships) {
      if (Shown(school, membership, view)) WriteGroupReference(out, school, membership.lesgroep);
    }
    out.EndArray();
  }
  if (fields.May("vakkeuzes")) WriteVakkeuzes(out, school, pupil, view);
  out.EndObject();
}

void WriteMedewerker(JsonOut& out, const School& school, int vestiging, const Staff& staff, const View& view,
                     const Eyes& eyes) {
  Fields fields(out, eyes.own);
  out.BeginObject();
  fields.Text("uuid", staff.uuid);
  fields.Text("eckid", "https://ketenid.nl/sim/" + staff.uuid);
  fields.Text("bsn", std::to_string(950000000 + staff.number));
  fields.Text("roepnaam", staff.roepnaam);
  fields.Text("voorletters", staff.voorletters);
  fields.Text("voorvoegsel", staff.voorvoegsel);
  fields.Text("achternaam", staff.achternaam);
  fields.Text("geslacht", staff.woman ? "VROUW" : "MAN");
  fields.Text("geboortedatum", FormatDay(staff.birth));
  fields.Text("emailadres", staff.email);
  if (staff.number % 2 == 0) fields.Text("werk_telefoonnummer", "0299 " + std::to_string(400000 + staff.number));
  fields.Text("medewerkernummer", "Medewerker " + std::to_string(staff.number));
  fields.Text("afkorting", staff.afkorting);
  if (staff.extern_number != 0) fields.Number("externnummer", staff.extern_number);
  fields.Text("functie", staff.functie);
  fields.Text("gebruikersnaam", staff.afkorting);
  if (fields.May("datumInDienst") && staff.in_service > 0) out.Field("datum_in_dienst", FormatDay(staff.in_service));
  if (fields.May("datumUitDienst") && staff.out_of_service != kForever)
    out.Field("datum_uit_dienst", FormatDay(staff.out_of_service));
  if (fields.May("redenUitDienst") && !staff.out_reason.empty()) out.Field("reden_uit_dienst", staff.out_reason);
  bool teaches = false;
  for (const uint32_t group : staff.lesgroepen) teaches |= school.lesgroepen[group].school_year == view.school_year;
  fields.Bool("is_docent", teaches);
  if (fields.May("lesgroepen")) {
    out.Key("lesgroepen");
    out.BeginArray();
    for (const uint32_t group : staff.lesgroepen) {
      if (school.lesgroepen[group].school_year == view.school_year && !school.lesgroepen[group].removed)
        WriteGroupReference(out, school, group);
    }
    out.EndArray();
  }
  Reference(out, "vestiging", At(school, vestiging));
  if (fields.May("hoofdvestiging")) Reference(out, "hoofdvestiging", At(school, staff.vestigingen[0]));
  out.EndObject();
}

bool IsMember(const School& school, uint32_t pupil, uint32_t lesgroep, const View& view) {
  const Pupil& member = school.pupils[pupil];
  if (member.removed) return false;
  return std::any_of(member.memberships.begin(), member.memberships.end(), [&](const Membership& membership) {
    return membership.lesgroep == lesgroep && Shown(school, membership, view);
  });
}

void WriteMember(JsonOut& out, const std::string& uuid, const Vestiging& vestiging) {
  out.BeginObject();
  out.Field("uuid", uuid);
  Reference(out, "vestiging", vestiging);
  out.EndObject();
}

void WriteLesgroep(JsonOut& out, const School& school, uint32_t index, const View& view, const Eyes& eyes) {
  const Lesgroep& group = school.lesgroepen[index];
  Fields fields(out, eyes.own);
  out.BeginObject();
  fields.Text("uuid", group.uuid);
  fields.Text("naam", group.naam);
  if (fields.May("leerlingen")) {
    out.Key("leerlingen");
    out.BeginArray();
    for (const uint32_t pupil : group.pupils) {
      if (!IsMember(school, pupil, index, view)) continue;
      int vestiging = group.vestiging;
      for (const Placement& placement : school.pupils[pupil].placements) {
        if (Overlaps(placement.start, placement.end, view.members_from, view.until)) vestiging = placement.vestiging;
      }
      WriteMember(out, school.pupils[pupil].uuid, At(school, vestiging));
    }
    out.EndArray();
  }
  if (fields.May("docenten")) {
    out.Key("docenten");
    out.BeginArray();
    for (const uint32_t teacher : group.docenten) {
      const Staff& staff = school.staff[teacher];
      if (!staff.removed && Overlaps(staff.in_service, staff.out_of_service, view.members_from, view.until))
        out.Text(staff.uuid);
    }
    out.EndArray();
  }
  if (group.vak >= 0) {
    const Vak& vak = school.vakken[static_cast<size_t>(group.vak)];
    fields.Text("vak", vak.afkorting);
    fields.Text("vaknaam", vak.naam);
    fields.Text("vakuuid", vak.uuid);
  }
  fields.Number("leerjaar", group.leerjaar);
  fields.Text("schooljaar", SchoolYearName(group.school_year));
  fields.Text("onderwijssoort", NiveauOf(group.niveau).soort);
  Reference(out, "vestiging", At(school, group.vestiging));
  out.EndObject();
}

void WriteStamgroep(JsonOut& out, const School& school, uint32_t index, const View& view, const Eyes& eyes) {
  const Stamgroep& group = school.stamgroepen[index];
  Fields fields(out, eyes.own);
  out.BeginObject();
  fields.Text("uuid", group.uuid);
  fields.Text("naam", group.naam);
  fields.Text("omschrijving", "Klas " + group.naam);
  fields.Number("leerjaar", group.leerjaar);
  fields.Text("onderwijssoort", NiveauOf(group.niveau).soort);
  if (fields.May("leerlingen")) {
    out.Key("leerlingen");
    out.BeginArray();
    for (const uint32_t pupil : group.pupils) {
      if (school.pupils[pupil].removed) continue;
      for (const Placement& placement : school.pupils[pupil].placements) {
        if (placement.stamgroep != index || !Overlaps(placement.start, placement.end, view.members_from, view.until))
          continue;
        WriteMember(out, school.pupils[pupil].uuid, At(school, group.vestiging));
        break;
      }
    }
    out.EndArray();
  }
  WriteMentor(out, school, group, fields.May("eerste_mentor_stamgroep"));
  out.EndObject();
}

void Apply(const nlohmann::ordered_json& patch, nlohmann::ordered_json& record) {
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      record.erase(key);
    } else {
      record[key] = value;
    }
  }
}

// The record with its patch, and a pupil's placements with theirs.
std::string WithPatch(const School& school, const std::string& uuid, std::string text) {
  const bool is_patched = std::any_of(school.patches.begin(), school.patches.end(),
                                      [&](const auto& patch) { return text.find(patch.first) != std::string::npos; });
  if (!is_patched) return text;
  auto record = nlohmann::ordered_json::parse(text, nullptr, false);
  if (const auto found = school.patches.find(uuid); found != school.patches.end()) Apply(found->second, record);
  if (const auto placements = record.find("plaatsingen"); placements != record.end() && placements->is_array()) {
    for (auto& placement : *placements) {
      const auto found = school.patches.find(placement.value("uuid", ""));
      if (found != school.patches.end()) Apply(found->second, placement);
    }
  }
  return record.dump();
}

}  // namespace

Eyes EyesOf(const Rights& rights, int vestiging, std::string_view entity) {
  Eyes eyes;
  for (const std::string& permission : PermissionsOf(entity)) {
    if (rights.Sees(vestiging, entity, permission)) eyes.own.insert(permission);
  }
  for (const std::string& permission : PermissionsOf("plaatsing")) {
    if (rights.Sees(vestiging, "plaatsing", permission)) eyes.plaatsing.insert(permission);
  }
  return eyes;
}

std::string RenderRecord(const School& school, std::string_view entity, int vestiging, uint64_t index, const View& view,
                         const Eyes& eyes) {
  const auto at = static_cast<uint32_t>(index);
  JsonOut out;
  if (entity == "leerling") {
    WriteLeerling(out, school, vestiging, school.pupils[at], view, eyes);
  } else if (entity == "plaatsing") {
    WritePlaatsing(out, school, school.pupils[at / 64].placements[at % 64], eyes.plaatsing);
  } else if (entity == "medewerker") {
    WriteMedewerker(out, school, vestiging, school.staff[at], view, eyes);
  } else if (entity == "lesgroep") {
    WriteLesgroep(out, school, at, view, eyes);
  } else if (entity == "stamgroep") {
    WriteStamgroep(out, school, at, view, eyes);
  } else if (entity == "vak") {
    const Vak& vak = school.vakken[at];
    out.BeginObject();
    out.Field("uuid", vak.uuid);
    out.Field("afkorting", vak.afkorting);
    out.Field("naam", vak.naam);
    out.EndObject();
  } else {
    WriteOpleiding(out, school.opleidingen[at]);
  }
  return WithPatch(school, UuidOf(school, entity, at), out.Take());
}

std::string RenderPermissions(const Rights& rights, int vestiging, std::string_view entity) {
  JsonOut out;
  out.BeginObject();
  for (const std::string& permission : PermissionsOf(entity))
    out.Bool(permission, rights.Sees(vestiging, entity, permission));
  if (entity == "leerling") {
    out.Key("plaatsingVeldpermissies");
    out.Raw(RenderPermissions(rights, vestiging, "plaatsing"));
  }
  out.EndObject();
  return out.Take();
}

std::string RenderVestiging(const School& school, const Rights& rights, int vestiging) {
  const Vestiging& record = At(school, vestiging);
  const Eyes eyes = EyesOf(rights, vestiging, "vestiging");
  JsonOut out;
  Fields fields(out, eyes.own);
  out.BeginObject();
  fields.Text("uuid", record.uuid);
  fields.Text("naam", record.naam);
  fields.Text("afkorting", record.afkorting);
  if (fields.May("brins")) {
    out.Key("brins");
    out.BeginArray();
    for (const std::string& brin : record.brins) out.Text(brin);
    out.EndArray();
  }
  out.EndObject();
  return WithPatch(school, record.uuid, out.Take());
}

std::string RenderState(const School& school, Day today) {
  Eyes eyes;
  for (const char* entity : {"leerling", "medewerker", "lesgroep", "stamgroep"}) {
    for (const std::string& permission : PermissionsOf(entity)) eyes.own.insert(permission);
  }
  for (const std::string& permission : PermissionsOf("plaatsing")) eyes.plaatsing.insert(permission);
  eyes.own.erase("vakkeuzes");
  const Rights all(School{});
  JsonOut out;
  out.BeginObject();
  out.Field("today", FormatDay(today));
  out.Field("instelling", school.instelling_uuid);
  out.Key("vestigingen");
  out.BeginArray();
  for (int i = 0; i < static_cast<int>(school.vestigingen.size()); ++i) out.Raw(RenderVestiging(school, all, i));
  out.EndArray();
  // By peilschooljaar and vestiging, exactly what Connect would show to a client that may see everything.
  for (const auto& [name, peil] : {std::pair{"HUIDIG", Peil::kCurrent}, std::pair{"VOLGEND", Peil::kNext}}) {
    const View view = MakeView(peil, today);
    out.Key(name);
    out.BeginObject();
    for (int i = 0; i < static_cast<int>(school.vestigingen.size()); ++i) {
      out.Key(At(school, i).uuid);
      out.BeginObject();
      for (const char* entity : {"leerling", "medewerker", "lesgroep", "stamgroep"}) {
        out.Key(EnvelopeOf(entity));
        out.BeginArray();
        for (const uint32_t index : ListOf(school, entity, i, view))
          out.Raw(RenderRecord(school, entity, i, index, view, eyes));
        out.EndArray();
      }
      out.EndObject();
    }
    out.EndObject();
  }
  out.EndObject();
  return out.Take();
}

}  // namespace sluice::somtoday_twin
