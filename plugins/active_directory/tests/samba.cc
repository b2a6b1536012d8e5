#include "plugins/active_directory/tests/samba.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sluice::active_directory {
namespace {

constexpr char kAdministrator[] = "CN=Administrator,CN=Users,DC=ad,DC=test";
constexpr char kPassword[] = "Passw0rd.Adm1n";

std::string Environment(const char* name) {
  const char* value = getenv(name);
  if (value == nullptr) {
    fprintf(stderr, "%s is not set; run this through ctest\n", name);
    exit(2);
  }
  return value;
}

int Lock(const std::string& path, bool wait) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0) return descriptor;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

}  // namespace

Samba& Samba::Get() {
  static auto* const kServer = [] {
    auto* server = new Samba;
    atexit([] { delete &Get(); });
    return server;
  }();
  return *kServer;
}

Samba::Samba() {
  for (int last = 40; last <= 60 && address_lock_ < 0; ++last) {
    ip_ = absl::StrCat("127.0.0.", last);
    address_lock_ = Lock(absl::StrCat("/tmp/sluice-samba-", ip_, ".lock"), false);
    if (address_lock_ < 0) continue;
    if (directory_.empty()) Unpack();
    if (Script("start " + directory_) == 0) return;
    close(address_lock_);
    address_lock_ = -1;
  }
  fprintf(stderr, "no domain controller could be started on 127.0.0.40 to .60\n");
  exit(2);
}

Samba::~Samba() {
  Stop();
  std::filesystem::remove_all(directory_);
  close(address_lock_);
}

void Samba::Unpack() {
  const std::string cache = Environment("SLUICE_BINARY_DIR") + "/samba";
  std::filesystem::create_directories(cache);
  const int lock = Lock(cache + "/lock", true);  // One program provisions, the others wait.
  const std::string packed = cache + "/domain.tar.zst";
  const std::string fresh = cache + "/fresh";
  if (!std::filesystem::exists(packed)) {
    std::filesystem::remove_all(fresh);
    if (Script("provision " + fresh) != 0 || Script("pack " + fresh + " " + packed + ".new") != 0) exit(2);
    std::filesystem::rename(packed + ".new", packed);
    std::filesystem::remove_all(fresh);
  }
  close(lock);
  // In memory where that is possible: a directory's every write waits for the disk.
  const std::filesystem::path memory = "/dev/shm";
  const bool in_memory = access(memory.c_str(), W_OK) == 0;
  std::string name = (in_memory ? memory : std::filesystem::temp_directory_path()) / "sluice-samba-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) exit(2);
  directory_ = name;
  if (Script("unpack " + packed + " " + directory_) != 0) exit(2);
}

int Samba::Script(const std::string& arguments) const {
  const std::string command =
      absl::StrCat("AD_IP=", ip_, " ", Environment("SLUICE_SOURCE_DIR"), "/scripts/samba-ad ", arguments);
  return system(command.c_str());
}

void Samba::Stop() { Script("stop " + directory_); }
void Samba::Start() {
  if (Script("start " + directory_) != 0) exit(2);
}

Client::Options Samba::ClientOptions() const {
  Client::Options options;
  options.servers = {*ParseEndpoint("ldaps://" + ip_)};
  options.trust.ca_file = ca_file();
  options.credentials = Credentials{kAdministrator, connector::Secret(kPassword)};
  return options;
}

connector::System Samba::System(int range_step, int page_size) const {
  connector::System system;
  system.id = "ad";
  system.read_only = false;
  system.settings = connector::Settings(
      {{"servers", connector::Value(connector::List{connector::Value("ldaps://" + ip_)})},
       {"base", connector::Value(Base())},
       {"ca_file", connector::Value(ca_file())},
       {"page_size", connector::Value(page_size)},
       {"range_step", connector::Value(range_step)}},
      {{"bind_dn", connector::Secret(kAdministrator)}, {"bind_password", connector::Secret(kPassword)}});
  return system;
}

bool Samba::CanSignIn(const std::string& dn, const std::string& password) const {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  auto opened = Opened::Dial(*ParseEndpoint("ldaps://" + ip_), deadline);
  if (!opened.ok()) return false;
  auto secured = std::move(*opened).Secure(Trust{"", ca_file()}, deadline);
  if (!secured.ok()) return false;
  return std::move(*secured).Bind(Credentials{dn, connector::Secret(password)}, deadline).ok();
}

Entry Samba::Look(Client& client, const std::string& dn, const std::vector<std::string>& attributes) const {
  const Response response = client.RunOne(Request::Search(dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes));
  return response.entries.empty() ? Entry{} : response.entries[0];
}

}  // namespace sluice::active_directory
