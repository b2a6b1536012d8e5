// Level 2: the schema of objects, limits, cancellation, what is new, events.
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/limits.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using google::protobuf::util::MessageDifferencer;

// Unknown field 2000, as a later minor version might send it.
void AddUnknownField(google::protobuf::Message* message) {
  message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(2000, "new");
}

std::string AttributesMistake(const v1::ObjectClass& c, const std::set<std::string>& classes) {
  std::set<std::string> names;
  for (const v1::Attribute& a : c.attributes()) {
    const std::string it = absl::StrCat("attribute ", a.name(), " of class ", c.name());
    if (a.name().empty()) return absl::StrCat("an attribute of class ", c.name(), " has no name");
    if (!names.insert(a.name()).second) return absl::StrCat(it, " is there twice");
    if (!v1::Attribute::Type_IsValid(a.type()) || a.type() == v1::Attribute::TYPE_UNSPECIFIED)
      return absl::StrCat(it, " has no type");
    if (!a.readable() && !a.creatable() && !a.updatable()) return absl::StrCat(it, " can be neither read nor written");
    if (a.type() == v1::Attribute::SECRET && a.readable()) return absl::StrCat(it, " is a secret and readable");
    if (a.type() == v1::Attribute::STRUCT && a.attributes().empty())
      return absl::StrCat(it, " is a STRUCT without attributes");
    // Without a class it leads to objects of several.
    if (a.type() == v1::Attribute::REFERENCE && !a.reference_class().empty() && classes.count(a.reference_class()) == 0)
      return absl::StrCat(it, " refers to a class \"", a.reference_class(), "\" that there is not");
    if (a.ordered() && !a.multi_valued()) return absl::StrCat(it, " is ordered and not multi-valued");
  }
  for (const std::string& name : {c.label_attribute(), c.description_attribute(), c.owner_attribute()}) {
    if (!name.empty() && names.count(name) == 0)
      return absl::StrCat("class ", c.name(), " names an attribute ", name, " that it has not");
  }
  if (c.role() == v1::ObjectClass::CONTRACT && c.owner_attribute().empty())
    return absl::StrCat("class ", c.name(), " is a CONTRACT and does not name the attribute of its person");
  return "";
}

std::string RelationMistake(const v1::ObjectClass& c, const std::set<std::string>& classes) {
  if (c.has_relation() != (c.role() == v1::ObjectClass::RELATION))
    return absl::StrCat("class ", c.name(), " has a relation or the role RELATION, not both");
  if (!c.has_relation()) return "";
  std::set<std::string> names;
  for (const v1::Attribute& a : c.attributes()) names.insert(a.name());
  const v1::ObjectClass::Relation& r = c.relation();
  if (classes.count(r.subject_class()) == 0 || classes.count(r.object_class()) == 0)
    return absl::StrCat("relation ", c.name(), " names a class that there is not");
  if (names.count(r.subject_attribute()) == 0 || names.count(r.object_attribute()) == 0)
    return absl::StrCat("relation ", c.name(), " names an attribute that it has not");
  for (const std::string& name : {r.inherited_attribute(), r.through_attribute()}) {
    if (!name.empty() && names.count(name) == 0)
      return absl::StrCat("relation ", c.name(), " names an attribute ", name, " that it has not");
  }
  return "";
}

// What a relation says of the classes at its ends.
std::string EndsMistake(const v1::ObjectClass& c, const v1::GetSchemaReply& schema) {
  if (!c.has_relation()) return "";
  const v1::ObjectClass::Relation& r = c.relation();
  std::set<std::string> subject, object;
  for (const v1::ObjectClass& end : schema.classes()) {
    for (const v1::Attribute& a : end.attributes()) {
      if (end.name() == r.subject_class()) subject.insert(a.name());
      if (end.name() == r.object_class()) object.insert(a.name());
    }
  }
  for (const std::string& name : {r.holders_attribute(), r.exclusive_attribute(), r.fixed_attribute()}) {
    if (!name.empty() && object.count(name) == 0)
      return absl::StrCat("relation ", c.name(), " names an attribute ", name, " that class ", r.object_class(),
                          " has not");
  }
  for (const v1::ObjectClass::Holder& holder : r.holders()) {
    for (const auto& condition : holder.conditions()) {
      if (subject.count(condition.attribute()) == 0)
        return absl::StrCat("relation ", c.name(), " has a holder by an attribute ", condition.attribute(),
                            " that class ", r.subject_class(), " has not");
    }
  }
  return "";
}

std::string ClassMistake(const v1::ObjectClass& c, const std::set<std::string>& classes, bool is_target) {
  if (!v1::ObjectClass::Role_IsValid(c.role()) || c.role() == v1::ObjectClass::ROLE_UNSPECIFIED)
    return absl::StrCat("class ", c.name(), " has no role");
  if (std::string wrong = AttributesMistake(c, classes); !wrong.empty()) return wrong;
  if (std::string wrong = RelationMistake(c, classes); !wrong.empty()) return wrong;
  bool writes = false;
  std::set<int> actions;
  for (const int action : c.actions()) {
    if (!v1::Action_IsValid(action) || action == 0)
      return absl::StrCat("class ", c.name(), " has an action ", action, " that the contract does not know");
    if (!actions.insert(action).second)
      return absl::StrCat("class ", c.name(), " has the action ", v1::Action_Name(static_cast<v1::Action>(action)),
                          " twice");
    writes = writes || action != v1::ACTION_READ;
  }
  if (writes && !is_target)
    return absl::StrCat("class ", c.name(), " can be written, and the connector serves no Writer");
  if (writes && (c.writing().max_in_flight() == 0 || c.writing().idempotency() == v1::Writing::IDEMPOTENCY_UNSPECIFIED))
    return absl::StrCat("class ", c.name(), " can be written and does not say how: idempotency and max_in_flight");
  if (c.has_password_policy() && c.password_policy().max_length() > 0 &&
      c.password_policy().max_length() < c.password_policy().min_length())
    return absl::StrCat("the password policy of class ", c.name(), " has a max_length under its min_length");
  return "";
}

Verdict ObjectsAreSound(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  v1::GetSchemaRequest request;
  request.set_system(kSystem);
  v1::GetSchemaReply first, second;
  const grpc::Status status = launched->configuration().GetSchema(launched->Context().get(), request, &first);
  if (!status.ok()) return Failed("GetSchema answers ", Text(status));
  launched->configuration().GetSchema(launched->Context().get(), request, &second).ok();
  if (!MessageDifferencer::Equals(first, second)) return Failed("asked twice, GetSchema gave two schemas");
  if (first.classes().empty()) return Failed("GetSchema names no class of objects");
  std::set<std::string> classes;
  for (const v1::ObjectClass& c : first.classes()) {
    if (c.name().empty() || !classes.insert(c.name()).second)
      return Failed("two classes, or none, are called \"", c.name(), "\"");
  }
  for (const v1::ObjectClass& c : first.classes()) {
    if (std::string wrong = ClassMistake(c, classes, is_target); !wrong.empty()) return Failed(wrong);
    if (std::string wrong = EndsMistake(c, first); !wrong.empty()) return Failed(wrong);
  }
  return Passed(first.classes_size(), " classes");
}

Verdict PrivacyIsSaid(Run& run) {
  SLUICE_OR_SKIP(schema, run.Schema());
  for (const v1::ObjectClass& c : schema->classes()) {
    for (const v1::Attribute& a : c.attributes()) {
      if (a.privacy() == v1::Attribute::PRIVACY_UNSPECIFIED)
        return Failed("attribute ", a.name(), " of class ", c.name(), " has no privacy");
    }
  }
  return Passed();
}

Verdict LargeMessageIsRefused(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  v1::ValidateConfigRequest request;
  (*request.mutable_config()->mutable_settings())["large"].set_text(std::string(wire::kMaxMessageBytes + 1024, 'x'));
  v1::ValidateConfigReply reply;
  const grpc::Status status = launched->configuration().ValidateConfig(launched->Context().get(), request, &reply);
  if (!launched->IsAlive()) return Failed("a message of more than 4 MiB ended the process");
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED)
    return Failed("a message of more than 4 MiB was answered with ", Text(status));
  return Passed();
}

Verdict ShortDeadlinesDoNoHarm(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::TestRequest request;
  request.set_system(kSystem);
  // On a busy machine the shortest are over before they arrive.
  for (int milliseconds = 1; milliseconds <= 64; milliseconds *= 2) {
    for (int i = 0; i < 3; ++i) {
      v1::TestReply reply;
      launched->configuration().Test(launched->Context(absl::Milliseconds(milliseconds)).get(), request, &reply).ok();
    }
  }
  const std::string when = "after calls with deadlines of 1 to 64 ms";
  if (!launched->IsAlive()) return Failed(when, " the process does not answer");
  v1::GetSchemaReply schema;
  const grpc::Status status = launched->GetSchema(&schema);
  return status.ok() ? Passed() : Failed(when, " GetSchema answers ", Text(status));
}

Verdict CancelledImportMakesRoom(Run& run) {
  SLUICE_OR_SKIP(worked, run.Worked());
  (void)worked;
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  {
    v1::ImportRequest request;
    request.set_system(kSystem);
    *request.mutable_as_of() = wire::DateToProto(run.config().as_of);
    grpc::ClientContext context;
    auto stream = launched->reader().Import(&context, request);
    v1::ImportFrame frame;
    stream->Read(&frame);
    context.TryCancel();
    while (stream->Read(&frame)) {
    }
    stream->Finish().ok();
  }
  // The next is taken within a second, and what a busy machine adds; "one at a time" may refuse it until then.
  const absl::Time until = absl::Now() + kEndLimit;
  for (;;) {
    const ImportLog log = Import(*launched, run.config());
    if (log.status.ok()) return Passed();
    if (absl::Now() > until)
      return Failed(absl::FormatDuration(kEndLimit), " after an import was cancelled another one answers ",
                    Text(log.status));
    absl::SleepFor(absl::Milliseconds(100));
  }
}

Verdict CloseDuringAnImport(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::ImportRequest import;
  import.set_system(kSystem);
  *import.mutable_as_of() = wire::DateToProto(run.config().as_of);
  grpc::ClientContext context;
  auto stream = launched->reader().Import(&context, import);
  v1::ImportFrame frame;
  stream->Read(&frame);
  v1::CloseRequest request;
  request.set_system(kSystem);
  v1::CloseReply closed;
  const grpc::Status status = launched->configuration().Close(launched->Context().get(), request, &closed);
  while (stream->Read(&frame)) {
  }
  stream->Finish().ok();
  if (!launched->IsAlive()) return Failed("Close in the middle of an import ended the process");
  return status.ok() ? Passed() : Failed("Close in the middle of an import answers ", Text(status));
}

Verdict UnknownFieldsAreIgnored(Run& run) {
  SLUICE_OR_SKIP(worked, run.Worked());
  SLUICE_OR_SKIP(launched, run.Fresh());
  v1::OpenRequest open = launched->OpenRequestFor(v1::OpenRequest::READ_ONLY);
  AddUnknownField(&open);
  AddUnknownField(open.mutable_config());
  v1::OpenReply reply;
  grpc::Status status = launched->configuration().Open(launched->Context().get(), open, &reply);
  if (!status.ok()) return Failed("Open with an unknown field answers ", Text(status));
  v1::GetSchemaRequest request;
  request.set_system(kSystem);
  AddUnknownField(&request);
  v1::GetSchemaReply schema;
  status = launched->configuration().GetSchema(launched->Context().get(), request, &schema);
  if (!status.ok()) return Failed("GetSchema with an unknown field answers ", Text(status));
  ImportOptions options;
  options.change = [](v1::ImportRequest* changed) { AddUnknownField(changed); };
  const ImportLog log = Import(*launched, run.config(), options);
  if (!log.status.ok()) return Failed("Import with an unknown field answers ", Text(log.status));
  return log.Keys() == worked->Keys() ? Passed()
                                      : Failed("Import with an unknown field gave ", log.records.size(),
                                               " records, without it ", worked->records.size());
}

Verdict EventsStayOpen(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  auto context = launched->Context(absl::Milliseconds(300));
  auto stream = launched->plugin().Events(context.get());
  v1::EventAck ack;
  ack.set_event_id("connector-check-knows-none");
  stream->Write(ack);
  v1::Event event;
  while (stream->Read(&event)) {
  }
  const grpc::Status status = stream->Finish();
  if (!launched->IsAlive()) return Failed("an acknowledgement of an unknown event ended the process");
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return Passed();
  return Failed("the stream of events ended by itself: ", Text(status));
}

constexpr absl::Duration kQuiet = absl::Seconds(1);  // In which an event would have come.

// The first event that comes in this time; without an id if none does. Acknowledges it if asked to.
v1::Event FirstEvent(Launched& launched, absl::Duration patience, bool acknowledge) {
  auto context = launched.Context(patience);
  auto stream = launched.plugin().Events(context.get());
  v1::Event event;
  if (stream->Read(&event) && acknowledge) {
    v1::EventAck ack;
    ack.set_event_id(event.id());
    stream->Write(ack);
    stream->WritesDone();
    // It may end the stream, and may as well wait for more.
    std::thread giver([&] {
      absl::SleepFor(kQuiet);
      context->TryCancel();
    });
    v1::Event more;
    while (stream->Read(&more)) {
    }
    giver.join();
  }
  context->TryCancel();
  stream->Finish().ok();
  return event;
}

// An acknowledgement is not answered: it may take a moment until it counts.
bool ComesStill(Launched& launched, const std::string& id) {
  const absl::Time until = absl::Now() + launched.subject().patience;
  while (FirstEvent(launched, kQuiet, false).id() == id) {
    if (absl::Now() > until) return true;
  }
  return false;
}

Verdict EventsComeAgain(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  Import(*launched, run.config());  // What makes a connector sign in.
  const v1::Event first = FirstEvent(*launched, kQuiet, false);
  if (first.id().empty() && !first.has_secret_rotated()) return Skipped("nothing happens that it has to tell");
  if (first.id().empty()) return Failed("an event has no id");
  if (FirstEvent(*launched, run.subject().patience, true).id() != first.id())
    return Failed("an event that was not acknowledged does not come again");
  if (ComesStill(*launched, first.id())) return Failed("an event that was acknowledged comes again");
  if (!first.has_secret_rotated()) return Passed();
  // As after a crash of both: the host has kept the new value, and gives the one before with it.
  const v1::SecretRotated& rotated = first.secret_rotated();
  SLUICE_OR_SKIP(next, run.Fresh());
  v1::OpenRequest open = next->OpenRequestFor(v1::OpenRequest::READ_ONLY);
  v1::Secret& secret = (*open.mutable_secrets())[rotated.name()];
  secret.set_previous(secret.value());
  secret.set_value(rotated.value());
  secret.set_version(secret.version() + 1);
  v1::OpenReply reply;
  grpc::Status status = next->configuration().Open(next->Context().get(), open, &reply);
  if (!status.ok()) return Failed("with the secret that it rotated, and the one before, Open answers ", Text(status));
  v1::TestRequest request;
  request.set_system(kSystem);
  v1::TestReply tested;
  status = next->configuration().Test(next->Context().get(), request, &tested);
  return status.ok() ? Passed()
                     : Failed("with the secret that it rotated, and the one before, Test answers ", Text(status));
}

constexpr Check kChecks[] = {
    {"SCH-001", 2, Severity::kMust,
     "GetSchema is always the same and sound: names once, types, references and relations that exist.",
     "correct the class in Describe() or Schema()", ObjectsAreSound},
    {"SCH-002", 2, Severity::kShould, "Every attribute says how private it is.", "add a Privacy to the attribute",
     PrivacyIsSaid},
    {"ERR-002", 2, Severity::kMust, "A message of more than 4 MiB is refused, and the process lives on.",
     "set the server's largest message to 4 MiB, gRPC's own default", LargeMessageIsRefused},
    {"ERR-003", 2, Severity::kMust, "Calls that are given up at once do no harm.",
     "stop the work of a call whose deadline has passed", ShortDeadlinesDoNoHarm},
    {"ERR-004", 2, Severity::kMust, "A cancelled import ends, and another one can begin.",
     "look at the cancellation between two pages, and return", CancelledImportMakesRoom},
    {"ERR-005", 2, Severity::kMust, "Unknown fields in requests are ignored.", "do not refuse what you do not know",
     UnknownFieldsAreIgnored},
    {"ERR-006", 2, Severity::kMust, "Close in the middle of an import does no harm.",
     "let calls under way keep what they were begun with", CloseDuringAnImport},
    {"EVT-001", 2, Severity::kMust, "The stream of events stays open, whatever is acknowledged.",
     "read until the host closes, and ignore ids that you do not know", EventsStayOpen},
    {"EVT-002", 2, Severity::kMust,
     "An event comes again until it is acknowledged; a rotated secret works in a new process, with the one before it.",
     "keep events by their ids until EventAck names them; try `previous` when the new value is refused",
     EventsComeAgain},
};

}  // namespace

absl::Span<const Check> ConductChecks() { return kChecks; }

}  // namespace sluice::conformance
