// Level 6: what may appear nowhere: secrets, and what people would not want to read about themselves in a log.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sdk/wire/error.h"
#include "tests/conformance/writing.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

constexpr size_t kShortest = 6;  // What is shorter stands everywhere by chance.
constexpr size_t kMostValues = 400;

// A name for each text that is looked for.
using Wanted = std::map<std::string, std::string>;

Wanted Secrets(Run& run) {
  Wanted wanted;
  for (const auto& [name, secret] : run.config().secrets) {
    if (secret.size() >= kShortest) wanted[secret] = absl::StrCat("secret ", name);
  }
  return wanted;
}

// Texts of SENSITIVE and SPECIAL attributes, as the import has them.
absl::StatusOr<Wanted> Personal(Run& run) {
  auto log = run.Worked();
  if (!log.ok()) return log.status();
  Wanted wanted;
  for (const Record& record : (*log)->records) {
    const v1::ObjectClass* c = run.FindClass(record.object_class);
    if (c == nullptr) continue;
    for (const v1::Attribute& a : c->attributes()) {
      const auto cell = record.cells.find(a.name());
      const bool is_personal = a.privacy() == v1::Attribute::SENSITIVE || a.privacy() == v1::Attribute::SPECIAL;
      // An id may be logged, whatever it is made of.
      if (!is_personal || cell == record.cells.end() || cell->second.text().size() < kShortest ||
          wanted.size() >= kMostValues || absl::StrContains(record.id, cell->second.text()))
        continue;
      wanted[cell->second.text()] = absl::StrCat("attribute ", a.name(), " of ", Text({c->name(), record.id}));
    }
  }
  if (wanted.empty()) return absl::FailedPreconditionError("the import has no SENSITIVE text of six characters");
  return wanted;
}

// What is found in the text; empty: nothing.
std::string FoundIn(const std::string& text, const Wanted& wanted) {
  for (const auto& [value, name] : wanted) {
    if (absl::StrContains(text, value)) return name;
  }
  return "";
}

std::string Content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string FoundAround(Launched& process, const Wanted& wanted) {
  for (const char* file : {"environ", "cmdline"}) {
    if (std::string found = FoundIn(Content(absl::StrCat("/proc/", process.pid(), "/", file)), wanted); !found.empty())
      return absl::StrCat(found, " stands in the ", file, " of its process");
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(process.work_dir(), error)) {
    if (!entry.is_regular_file()) continue;
    if (std::string found = FoundIn(Content(entry.path()), wanted); !found.empty())
      return absl::StrCat(found, " stands in the file ", entry.path().filename().string(), " of its work directory");
  }
  return "";
}

// What a talkative process gave when it was asked for everything.
struct Heard {
  std::string printed;
  std::string around;     // Which secret was found around it, and where.
  std::string answered;   // Every message, serialized.
  std::string summaries;  // Of diagnostics and errors.
};

void Add(const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics, Heard* heard) {
  for (const v1::Diagnostic& diagnostic : diagnostics)
    absl::StrAppend(&heard->summaries, diagnostic.summary(), "\n", diagnostic.code(), "\n");
}
void Add(const grpc::Status& status, Heard* heard) {
  if (status.ok()) return;
  absl::StrAppend(&heard->answered, status.error_message(), status.error_details());
  absl::StrAppend(&heard->summaries, status.error_message(), "\n");
  Add(ErrorOf(status).diagnostics(), heard);
}

absl::StatusOr<std::shared_ptr<Heard>> ListenOnce(Run& run) {
  auto launched = Launched::StartTalkative(run.subject());
  if (!launched.ok()) return launched.status();
  auto shared = std::make_shared<Heard>();
  Heard& heard = *shared;
  Launched& process = **launched;
  v1::OpenReply opened;
  v1::TestReply reply;
  Add(process.configuration().Open(process.Context().get(), process.OpenRequestFor(v1::OpenRequest::READ_ONLY),
                                   &opened),
      &heard);
  absl::StrAppend(&heard.answered, opened.SerializeAsString());
  Add(opened.diagnostics(), &heard);
  v1::TestRequest request;
  request.set_system(kSystem);
  Add(process.configuration().Test(process.Context().get(), request, &reply), &heard);
  absl::StrAppend(&heard.answered, reply.SerializeAsString());
  Add(reply.diagnostics(), &heard);
  v1::GetSchemaReply schema;
  Add(process.GetSchema(&schema), &heard);
  absl::StrAppend(&heard.answered, schema.SerializeAsString());
  const ImportLog log = Import(process, run.config());
  Add(log.status, &heard);
  for (const v1::Diagnostic& diagnostic : log.diagnostics)
    absl::StrAppend(&heard.summaries, diagnostic.summary(), "\n");
  for (const Record& record : log.records) {
    for (const auto& [name, value] : record.cells) absl::StrAppend(&heard.answered, value.SerializeAsString(), "\n");
  }
  absl::StrAppend(&heard.answered, log.end.SerializeAsString(), heard.summaries);
  for (const ImportLog::Mark& mark : log.checkpoints) absl::StrAppend(&heard.answered, mark.cursor.token(), "\n");
  // A secret that is wrong must not be told either; many a library puts it into its message.
  v1::OpenRequest wrong = process.OpenRequestFor(v1::OpenRequest::READ_ONLY);
  for (auto& [name, secret] : *wrong.mutable_secrets()) secret.set_value(absl::StrCat("wrong-", secret.value()));
  Add(process.configuration().Open(process.Context().get(), wrong, &opened), &heard);
  Add(process.configuration().Test(process.Context().get(), request, &reply), &heard);
  absl::StrAppend(&heard.answered, reply.SerializeAsString());
  heard.around = FoundAround(process, Secrets(run));
  heard.printed = process.FinalOutput();
  return shared;
}

absl::StatusOr<Heard*> Listen(Run& run) {
  if (run.kept == nullptr) {
    auto heard = ListenOnce(run);
    if (!heard.ok()) return heard.status();
    run.kept = *std::move(heard);
  }
  return static_cast<Heard*>(run.kept.get());
}

Verdict PrintsNoSecret(Run& run) {
  const Wanted wanted = Secrets(run);
  if (wanted.empty()) return Skipped("the configuration has no secret of six characters");
  SLUICE_OR_SKIP(heard, Listen(run));
  const std::string found = FoundIn(heard->printed, wanted);
  return found.empty() ? Passed(heard->printed.size(), " bytes of output") : Failed(found, " stands in what it prints");
}

Verdict AnswersNoSecret(Run& run) {
  const Wanted wanted = Secrets(run);
  if (wanted.empty()) return Skipped("the configuration has no secret of six characters");
  SLUICE_OR_SKIP(heard, Listen(run));
  const std::string found = FoundIn(heard->answered, wanted);
  return found.empty()
             ? Passed()
             : Failed(found, " stands in an answer: a record, a diagnostic, an error, a cursor or the schema");
}

Verdict KeepsNoSecret(Run& run) {
  const Wanted wanted = Secrets(run);
  if (wanted.empty()) return Skipped("the configuration has no secret of six characters");
  SLUICE_OR_SKIP(heard, Listen(run));
  return heard->around.empty() ? Passed() : Failed(heard->around);
}

Verdict PrintsNobody(Run& run) {
  SLUICE_OR_SKIP(wanted, Personal(run));
  SLUICE_OR_SKIP(heard, Listen(run));
  const std::string found = FoundIn(heard->printed, wanted);
  return found.empty() ? Passed(wanted.size(), " values") : Failed(found, " stands in what it prints");
}

Verdict TellsNobody(Run& run) {
  SLUICE_OR_SKIP(wanted, Personal(run));
  SLUICE_OR_SKIP(heard, Listen(run));
  const std::string found = FoundIn(heard->summaries, wanted);
  return found.empty() ? Passed(wanted.size(), " values") : Failed(found, " stands in the summary of a diagnostic");
}

Verdict PasswordsAreNotTold(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  (void)writing;
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Attribute* secret = nullptr;
  for (const v1::Attribute& a : account->attributes()) {
    if (a.type() == v1::Attribute::SECRET && a.creatable()) secret = &a;
  }
  if (secret == nullptr) return Skipped("a new account gets no secret");
  SLUICE_OR_SKIP(process, Launched::StartTalkative(run.subject()));
  if (absl::Status status = process->Open(v1::OpenRequest::READ_WRITE); !status.ok())
    return Skipped("CFG-004 fails: ", status.message());
  const std::string password = "Canary-7319-Password!";
  v1::Operation create = bench.Create(*account);
  v1::Delta* delta = create.add_deltas();
  delta->set_attribute(secret->name());
  delta->mutable_replace()->set_secret_text(password);
  ApplyLog log = Apply(*process, {create});
  std::string answered;
  for (const v1::OperationResult& result : log.results) {
    absl::StrAppend(&answered, result.SerializeAsString());
    if (result.outcome() == v1::OperationResult::APPLIED) bench.Made(account->name(), result.object_id());
  }
  create.set_id(create.id() + "-again");  // It is taken now: an error may quote what it was given.
  log = Apply(*process, {create});
  for (const v1::OperationResult& result : log.results) {
    absl::StrAppend(&answered, result.SerializeAsString());
    if (result.outcome() == v1::OperationResult::APPLIED) bench.Made(account->name(), result.object_id());
  }
  const Wanted wanted = {{password, "the password of a new account"}};
  if (!FoundIn(answered, wanted).empty()) return Failed("the password of a new account stands in a result");
  const std::string around = FoundAround(*process, wanted);
  if (!FoundIn(process->FinalOutput(), wanted).empty())
    return Failed("the password of a new account stands in what it prints");
  return around.empty() ? Passed() : Failed(around);
}

constexpr Check kChecks[] = {
    {"SEC-001", 6, Severity::kMust, "No secret of the configuration is printed, at any log level.",
     "never print a request's headers or a secret; the SDK's Secret cannot be printed", PrintsNoSecret},
    {"SEC-002", 6, Severity::kMust, "No secret of the configuration stands in an answer.",
     "make messages of your own instead of passing on what a library says", AnswersNoSecret},
    {"SEC-003", 6, Severity::kMust,
     "No secret of the configuration lies in the work directory, the environment or the command line.",
     "keep secrets in memory only", KeepsNoSecret},
    {"SEC-004", 6, Severity::kMust, "Nothing personal is printed.", "log ids and counts, never names", PrintsNobody},
    {"SEC-005", 6, Severity::kMust, "Nothing personal stands in a diagnostic's summary or an error's message.",
     "put ids into object_id, and what may be personal into detail", TellsNobody},
    {"SEC-006", 6, Severity::kMust, "A password that is written is neither printed, answered nor kept.",
     "leave secrets out of `changes`, logs and files", PasswordsAreNotTold},
};

}  // namespace

absl::Span<const Check> SecretChecks() { return kChecks; }

}  // namespace sluice::conformance
