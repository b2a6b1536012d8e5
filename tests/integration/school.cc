#include "tests/integration/school.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/expected.h"

namespace sluice::integration {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const std::string& message) {
  fprintf(stderr, "integration: %s\n", message.c_str());
  exit(2);
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  if (value == nullptr) Fail(absl::StrCat(name, " is not set; run this through ctest"));
  return value;
}

std::string Program(const std::string& name) { return Environment("SLUICE_BINARY_DIR") + "/bin/" + name; }

// In memory where half a gigabyte is free: the directory waits for the disk on every write.
std::string MakeRoot() {
  Environment("SLUICE_BINARY_DIR");  // Said before anything is made.
  Environment("SLUICE_SOURCE_DIR");
  struct statvfs space = {};
  const bool has_room = statvfs("/dev/shm", &space) == 0 && access("/dev/shm", W_OK) == 0 &&
                        static_cast<uint64_t>(space.f_bavail) * space.f_frsize > (uint64_t{512} << 20);
  std::string name = (has_room ? fs::path("/dev/shm") : fs::temp_directory_path()) / "sluice-school-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) Fail("no folder could be made");
  return name;
}

base::FileDescriptor OpenFor(const std::string& path) {
  base::FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.is_open()) Fail("cannot write " + path);
  return file;
}

std::unique_ptr<base::Subprocess> Spawn(const std::string& program, std::vector<std::string> arguments,
                                        const std::map<std::string, std::string>& environment, const std::string& out,
                                        const std::string& err) {
  base::SpawnOptions options;
  options.executable = program;
  options.arguments = std::move(arguments);
  for (const auto& [name, value] : environment) options.environment.push_back(absl::StrCat(name, "=", value));
  const base::FileDescriptor out_file = OpenFor(out), err_file = OpenFor(err);
  options.descriptors = {-1, out_file.get(), err_file.get()};
  auto process = base::Subprocess::Spawn(options);
  if (!process.ok()) Fail(absl::StrCat(program, ": ", process.status().message()));
  return *std::move(process);
}

bool Answers(const std::string& socket_path) {
  const base::FileDescriptor socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

std::string Tail(const std::string& text, size_t lines) {
  std::vector<std::string> all = absl::StrSplit(text, '\n');
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<long>(lines));
  return absl::StrJoin(all, "\n");
}

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  // Renamed into its place, so that nobody reads half of it.
  std::ofstream(path + ".new", std::ios::binary) << text;
  fs::rename(path + ".new", path);
}

bool Await(const std::function<bool()>& condition, int seconds) {
  const absl::Time deadline = absl::Now() + absl::Seconds(seconds);
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

void Host::Start() {
  std::string last_words;
  if (!TryStart(&last_words)) Fail("sluiced did not start:\n" + last_words);
}

bool Host::TryStart(std::string* last_words) {
  std::vector<std::string> arguments = {"--config",    place_.folder, "--state",      place_.state, "--socket",
                                        place_.socket, "--plugins",   place_.plugins, "--clock",    place_.clock};
  arguments.insert(arguments.end(), place_.arguments.begin(), place_.arguments.end());
  process_ = Spawn(absl::StrCat(Environment("SLUICE_BINARY_DIR"), "/", place_.program), std::move(arguments),
                   place_.environment, place_.log, place_.log);
  const auto has_ended = [this] { return process_->WaitForEnd(absl::ZeroDuration()).has_value(); };
  if (Await([&] { return Answers(place_.socket) || has_ended(); }) && !has_ended()) return true;
  if (last_words != nullptr) *last_words = Tail(ReadFile(place_.log), 20);
  Kill();
  return false;
}

bool Host::AwaitEnd(int seconds) {
  if (!process_->WaitForEnd(absl::Seconds(seconds)).has_value()) return false;
  process_->Reap();
  process_.reset();
  return true;
}

void Host::Stop() {
  process_->Signal(SIGTERM);
  const auto end = process_->WaitForEnd(absl::Seconds(30));
  EXPECT_TRUE(end.has_value() && !end->by_signal && end->number == 0)
      << "sluiced did not end in order: "
      << (!end ? "it runs on" : absl::StrCat(end->by_signal ? "signal " : "code ", end->number));
  if (!end) process_->Signal(SIGKILL);
  process_->Reap();
  process_.reset();
}

void Host::Kill() {
  process_->Signal(SIGKILL);
  process_->WaitForEnd(absl::Seconds(30));
  process_->Reap();
  process_.reset();
}

Answer Host::Run(std::vector<std::string> arguments) const { return RunInBackground(std::move(arguments))(); }

std::function<Answer()> Host::RunInBackground(std::vector<std::string> arguments) const {
  static int count = 0;
  const std::string out = absl::StrCat(place_.log, ".", ++count, ".out"), err = out + ".err";
  arguments.insert(arguments.end(), {"--json", "--socket", place_.socket});
  const std::shared_ptr<base::Subprocess> process = Spawn(Program("sluice"), arguments, {{"TZ", "UTC"}}, out, err);
  return [process, out, err] {
    Answer answer;
    const auto end = process->WaitForEnd(absl::Seconds(120));
    if (!end) process->Signal(SIGKILL);
    process->Reap();
    answer.code = end && !end->by_signal ? end->number : -1;
    answer.out = ReadFile(out);
    answer.err = ReadFile(err);
    answer.json = Json::parse(answer.out, nullptr, false);
    if (answer.json.is_discarded()) answer.json = nullptr;
    fs::remove(out);
    fs::remove(err);
    return answer;
  };
}

School::School(const SchoolOptions& options) : root_(MakeRoot()) {
  domain_ = std::make_unique<Domain>(root_);
  for (const char* group : {"docenten", "teamleiders", "conciergerie", "laptop-uitleen"}) directory().AddGroup(group);
  SetTime(options.time);
  StartTwin(options);
  directory_uri_ = domain_->uri();
  bind_dn_ = domain_->bind_dn();
  bind_password_ = domain_->bind_password();
  if (options.has_own_account) {
    directory().AddUser("svc-sluice");
    directory().SetPassword("CN=svc-sluice,CN=Users", bind_password_);
    directory().Set("CN=svc-sluice,CN=Users", "userAccountControl", {"66048"});
    directory().AddMember("CN=Domain Admins,CN=Users", "CN=svc-sluice,CN=Users");
    bind_dn_ = "CN=svc-sluice,CN=Users," + domain_->base();
  }
  if (options.has_faults) StartFaults();
  WriteFolder();
  for (const SchoolOptions::Edit& edit : options.edits) Edit(edit);
  host_ = std::make_unique<Host>(PlaceFor("host"));
  host_->place().arguments = options.arguments;
  host_->Start();
}

School::~School() {
  if (host_->IsRunning()) host_->Stop();
  if (testing::Test::HasFailure())
    std::cerr << "sluiced said last:\n" << Tail(ReadFile(host_->place().log), 40) << "\n";
  twin_->Signal(SIGTERM);
  if (!twin_->WaitForEnd(absl::Seconds(30))) twin_->Signal(SIGKILL);
  twin_->Reap();
  if (faults_ != nullptr) {
    faults_->Signal(SIGKILL);
    faults_->WaitForEnd(absl::Seconds(30));
    faults_->Reap();
  }
  domain_.reset();
  fs::remove_all(root_);
}

void School::StartTwin(const SchoolOptions& options) {
  const std::string port_file = root_ + "/port";
  twin_ = Spawn(Program("somtoday-twin"),
                {"--port", "0", "--pupils", absl::StrCat(options.pupils), "--staff", absl::StrCat(options.staff),
                 "--locations", absl::StrCat(options.locations), "--seed", absl::StrCat(options.seed), "--clock",
                 root_ + "/clock", "--port-file", port_file, "--client-id", "waterlanden-sluice"},
                {}, root_ + "/twin.log", root_ + "/twin.log");
  if (!Await([&] { return fs::exists(port_file); })) Fail("the twin did not start");
  twin_port_ = std::stoi(ReadFile(port_file));
}

void School::WriteFolder() {
  const std::string folder = root_ + "/waterlanden";
  fs::copy(Environment("SLUICE_SOURCE_DIR") + "/tests/data/configuration/waterlanden", folder,
           fs::copy_options::recursive);
  fs::create_directory(root_ + "/keys");
  fs::permissions(root_ + "/keys", fs::perms::owner_all);
  const std::string twin = absl::StrCat("http://127.0.0.1:", twin_port_);
  Edit({"sluice.yaml", "{ secrets: env:SLUICE_SECRETS_KEY, seal: env:SLUICE_SEAL_KEY }",
        absl::StrCat("{ secrets: \"file:", root_, "/keys/secrets\", seal: \"file:", root_, "/keys/seal\" }")});
  Edit({"systems/somtoday.yaml", "settings:\n",
        absl::StrCat("settings:\n  api_url: ", twin, "/rest/v1\n  token_url: ", twin, "/inloggen/oauth2/token\n")});
  Edit({"systems/ad.yaml", "{ servers: [ldaps://dc1.waterlanden.example], base: \"DC=waterlanden,DC=example\" }",
        absl::StrCat("{ servers: [\"", directory_uri_, "\"], base: \"", domain_->base(), "\", ca_file: \"",
                     domain_->ca_file(), "\" }")});
}

void School::StartFaults() {
  SetFaults(Json::array());
  const std::string port_file = root_ + "/faults.port";
  faults_ =
      Spawn("/usr/bin/python3",
            {Environment("SLUICE_SOURCE_DIR") + "/tests/integration/faulty_directory.py", "--listen", domain_->ip(),
             "--server", domain_->ip(), "--cert", domain_->certificate(), "--key", domain_->certificate_key(),
             "--port-file", port_file, "--rules", root_ + "/faults.json", "--log", root_ + "/faults.log"},
            {}, root_ + "/faults.out", root_ + "/faults.out");
  if (!Await([&] { return fs::exists(port_file); })) Fail("the faulty directory did not start");
  directory_uri_ = absl::StrCat("ldaps://", domain_->ip(), ":", ReadFile(port_file));
}

void School::SetFaults(const Json& rules) { WriteFile(root_ + "/faults.json", rules.dump()); }

School::Requests School::TakeRequests() {
  Requests requests;
  const std::string path = root_ + "/faults.log";
  std::istringstream log(ReadFile(path));
  fs::resize_file(path, 0);  // It is appended to.
  std::string kind, line;
  int members = 0;
  while (std::getline(log, line)) {
    std::istringstream(line) >> kind >> members;
    ++requests.by_kind[kind];
    if (members > 0) ++requests.of_members;
    requests.most_members = std::max(requests.most_members, members);
  }
  return requests;
}

HostPlace School::PlaceFor(const std::string& name) const {
  HostPlace place;
  place.folder = root_ + "/waterlanden";
  place.socket = absl::StrCat(root_, "/", name, ".sock");
  place.state = absl::StrCat(root_, "/", name);
  place.log = absl::StrCat(root_, "/", name, ".log");
  place.clock = root_ + "/clock";
  place.plugins = Environment("SLUICE_BINARY_DIR") + "/plugins";
  place.environment = {{"PATH", "/usr/bin:/bin"},
                       {"SOMTODAY_CLIENT_ID", "waterlanden-sluice"},
                       {"SOMTODAY_CLIENT_SECRET", "somtoday-secret"},
                       {"AD_BIND", bind_dn_},
                       {"AD_PASSWORD", bind_password_}};
  return place;
}

std::unique_ptr<Host> School::AnotherHost(const std::string& name) const {
  return std::make_unique<Host>(PlaceFor(name));
}

void School::SetTime(const std::string& time) { WriteFile(root_ + "/clock", time + "\n"); }

Json School::Twin(const std::string& method, const std::string& path, const Json& body) {
  httplib::Client http("127.0.0.1", twin_port_);
  const std::string target = "/__sim/" + path;
  const httplib::Result result = method == "GET" ? http.Get(target)
                                 : method == "DELETE"
                                     ? http.Delete(target)
                                     : http.Post(target, body.is_null() ? "" : body.dump(), "application/json");
  if (!result || result->status != 200)
    Fail(absl::StrCat("twin: ", method, " ", path, ": ", result ? result->body : "no answer"));
  return Json::parse(result->body);
}

void School::Edit(const SchoolOptions::Edit& edit) {
  const std::string path = absl::StrCat(root_, "/waterlanden/", edit.file);
  std::string text = ReadFile(path);
  const size_t at = text.find(edit.from);
  if (at == std::string::npos || text.find(edit.from, at + 1) != std::string::npos)
    Fail(absl::StrCat("\"", edit.from, "\" does not stand exactly once in ", edit.file));
  WriteFile(path, text.replace(at, edit.from.size(), edit.to));
}

Json School::Must(const std::vector<std::string>& arguments) {
  Answer answer = Sluice(arguments);
  EXPECT_EQ(answer.code, 0) << "sluice " << absl::StrJoin(arguments, " ") << ": " << answer.err
                            << (answer.json.is_object() ? answer.json.value("summary", "") : "");
  return answer.json.is_null() ? Json::object() : answer.json;
}

std::vector<std::string> School::ApproveAll(const std::vector<std::string>& except) {
  std::vector<std::string> kinds;
  const Json list = Must({"block", "list"});
  for (const Json& block : list["blocks"]) {
    const std::string kind = block["kind"];
    if (block["state"] != "waiting" || std::find(except.begin(), except.end(), kind) != except.end()) continue;
    Must({"block", "approve", block["name"].get<std::string>().substr(7), "--reason", "looked at"});
    kinds.push_back(kind);
  }
  return kinds;
}

void School::TakeIntoUse() {
  Sluice({"import"});
  ApproveAll();
  Import();
  Must({"system", "activate", "ad", "--reason", "in use"});
  Plan();
  ApproveAll();
  Enforce();
  ExpectNothingToDo();
}

void School::ExpectNothingToDo() {
  Import();
  const std::string before = directory().HighestUsn();
  Import();
  const Json plan = Plan();
  EXPECT_TRUE(plan["operations"].empty()) << Describe(plan);
  Enforce();
  EXPECT_EQ(directory().HighestUsn(), before) << "the directory counted a change";
}

void School::ExpectAsTheOracleSays() {
  const std::string state = root_ + "/state.json", said = root_ + "/oracle.txt";
  WriteFile(state, Twin("GET", "state").dump());
  const std::string command =
      absl::StrCat("AD_URI=", domain_->uri(), " AD_BASE=", domain_->base(), " AD_BIND=", domain_->bind_dn(),
                   " AD_PASSWORD=", domain_->bind_password(), " LDAPTLS_CACERT=", domain_->ca_file(),
                   " /usr/bin/python3 ", Environment("SLUICE_SOURCE_DIR"), "/tests/oracle/compare.py ", root_,
                   "/waterlanden ", state, " >", said, " 2>&1");
  EXPECT_EQ(system(command.c_str()), 0) << Tail(ReadFile(said), 40);
}

void School::ExpectAsTheTwinSays() {
  const ExpectedSchool expected = ExpectedOf(Twin("GET", "state"));
  std::set<std::string> enabled;
  for (const auto& [number, account] : Accounts()) {
    if (account.IsEnabled()) enabled.insert(number);
  }
  EXPECT_THAT(enabled, testing::ContainerEq(expected.people));
  std::map<std::string, std::set<std::string>> groups;
  for (const auto& [group, members] : Members()) {
    if (!members.empty()) groups[group].insert(members.begin(), members.end());
  }
  EXPECT_THAT(groups, testing::ContainerEq(expected.groups));
}

std::map<std::string, Entry> School::Accounts() {
  std::map<std::string, Entry> accounts;
  for (Entry& entry : directory().Search("(&(objectClass=user)(employeeID=*))", {"*"})) {
    const std::string number = entry.First("employeeID");
    EXPECT_TRUE(accounts.emplace(number, std::move(entry)).second) << number << " has two accounts";
  }
  return accounts;
}

std::map<std::string, std::vector<std::string>> School::Members() {
  std::map<std::string, std::string> numbers;
  for (const auto& [number, entry] : Accounts()) numbers[entry.dn] = number;
  std::map<std::string, std::vector<std::string>> members;
  for (const Entry& group : directory().Search("(objectClass=group)", {"cn", "member"})) {
    const std::string name = group.First("cn");
    const bool was_there =
        name == "docenten" || name == "teamleiders" || name == "conciergerie" || name == "laptop-uitleen";
    if (!was_there && !absl::StrContains(group.dn, ",OU=Lesgroepen,")) continue;
    std::vector<std::string>& list = members[name];
    const auto found = group.attributes.find("member");
    if (found == group.attributes.end()) continue;
    for (const std::string& dn : found->second) list.push_back(numbers.contains(dn) ? numbers[dn] : dn);
    std::sort(list.begin(), list.end());
  }
  return members;
}

std::vector<Json> OperationsOf(const Json& plan, const std::string& kind) {
  std::vector<Json> found;
  for (const Json& operation : plan["operations"]) {
    if (kind.empty() || operation["kind"] == kind) found.push_back(operation);
  }
  return found;
}

std::map<std::string, int> CountByKind(const Json& plan) {
  std::map<std::string, int> counts;
  for (const Json& operation : plan["operations"]) ++counts[operation["kind"]];
  return counts;
}

std::string Describe(const Json& plan) {
  std::string text;
  int lines = 0;
  for (const Json& operation : plan["operations"]) {
    if (++lines > 60) return text + "...\n";
    const auto field = [&](const char* name) { return operation.value(name, std::string()); };
    absl::StrAppend(&text, field("kind"), " | ", field("label"), " | ", field("external_id"), " | ", field("status"),
                    " | ", field("summary"), "\n");
  }
  return text;
}

}  // namespace sluice::integration
