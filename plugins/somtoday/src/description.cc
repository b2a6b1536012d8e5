// What the connector is, what can be set, and which records it knows.

#include "plugins/somtoday/src/field_table.h"
#include "plugins/somtoday/src/somtoday.h"

namespace sluice::somtoday {
namespace {

using connector::Attribute;
using connector::Description;
using connector::List;
using connector::ObjectClass;
using connector::Privacy;
using connector::Setting;
using connector::Value;

void AddFields(ObjectClass& object_class, const std::vector<FieldSpec>& fields) {
  for (const FieldSpec& field : fields) {
    Attribute attribute = field.kind == FieldKind::kText      ? Attribute::Text(field.attribute)
                          : field.kind == FieldKind::kInteger ? Attribute::Integer(field.attribute)
                                                              : Attribute::Date(field.attribute);
    object_class.With(attribute.Is(field.privacy));
  }
}

void AddVestiging(ObjectClass& object_class) {
  object_class.Text("vestiging").Text("vestiging_naam").Text("vestiging_code");
}

ObjectClass Leerling() {
  ObjectClass leerling = ObjectClass::Person("leerling");
  AddFields(leerling, LeerlingFields());
  return leerling;
}

ObjectClass Plaatsing() {
  ObjectClass plaatsing = ObjectClass::Contract("plaatsing", "leerling");
  plaatsing.Reference("leerling", "leerling");
  AddFields(plaatsing, PlaatsingFields());
  plaatsing.Text("mentor");
  AddVestiging(plaatsing);
  return plaatsing;
}

ObjectClass LesgroepLid() {
  ObjectClass lid = ObjectClass::Contract("lesgroep_lid", "lid");
  // A leerling or a medewerker; each value names its class.
  lid.Reference("lid", "");
  lid.Text("lesgroep").Text("rol").Text("schooljaar").Date("begindatum").Date("einddatum");
  AddFields(lid, LesgroepFields());
  AddVestiging(lid);
  return lid;
}

ObjectClass Medewerker() {
  ObjectClass medewerker = ObjectClass::Person("medewerker");
  AddFields(medewerker, MedewerkerFields());
  return medewerker;
}

ObjectClass Dienstverband() {
  ObjectClass dienstverband = ObjectClass::Contract("dienstverband", "medewerker");
  dienstverband.Reference("medewerker", "medewerker");
  AddFields(dienstverband, DienstverbandFields());
  dienstverband.Integer("volgorde");
  AddVestiging(dienstverband);
  return dienstverband;
}

Value Texts(std::initializer_list<const char*> texts) {
  List list;
  for (const char* text : texts) list.push_back(Value(text));
  return Value(std::move(list));
}

Setting Choices(const char* name, std::initializer_list<const char*> texts) {
  Setting setting = Setting::List(name);
  for (const char* text : texts) setting.choices.push_back({Value(text), text});
  return setting.Default(Texts(texts));
}

}  // namespace

Description Somtoday::Describe() {
  return Description("sluice.somtoday", "1.0.0")
      .With(
          Setting::Text("organisation")
              .Label("Organisation")
              .Required()
              .Help("Name of the school board as Somtoday has it, or its BRIN; two hits are an error that shows both."))
      .With(Setting::Secret("client_id").Label("Client id").Required())
      .With(Setting::Secret("client_secret").Label("Client secret").Required())
      .With(Choices("people", {"pupils", "staff"}).Help("Whom to read."))
      .With(Choices("contracts", {"placement", "class_group", "employment"}).Help("Which contracts to read."))
      .With(Choices("school_years", {"HUIDIG", "VOLGEND"})
                .Help("Which school years to read; VOLGEND is the next, HUIDIG must be among them."))
      .With(Setting::Url("api_url")
                .Label("Address of Connect")
                .Default("https://api.somtoday.nl/rest/v1")
                .Egress("{value}"))
      .With(Setting::Url("token_url")
                .Label("Address of the token endpoint")
                .Default("https://inloggen.somtoday.nl/oauth2/token")
                .Egress("{value}"))
      .With(Setting::Flag("bsn").Default(false).Help("Whether the BSN may be read, where a mapping uses it."))
      .With(Setting::Integer("page_size").Min(10).Max(200).Default(200).Help("Records a page."))
      .With(Setting::Integer("requests_in_parallel").Min(1).Max(16).Default(4).Help("Pages that are fetched at once."))
      .With(Setting::Duration("timeout").Default("2m").Help("How long one page may take, repeats included."))
      .With(Setting::Duration("first_backoff").Default("1s").Help("Wait before a failed request is repeated; doubles."))
      .With(Leerling())
      .With(Plaatsing())
      .With(LesgroepLid())
      .With(Medewerker())
      .With(Dienstverband());
}

}  // namespace sluice::somtoday
