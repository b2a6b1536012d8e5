#include "tests/integration/domain.h"

#include <fcntl.h>
#include <ldap.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::integration {
namespace {

[[noreturn]] void Fail(const std::string& message) {
  fprintf(stderr, "integration: %s\n", message.c_str());
  exit(2);
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  if (value == nullptr) Fail(absl::StrCat(name, " is not set; run this through ctest"));
  return value;
}

int Lock(const std::string& path, bool wait) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0) return descriptor;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

berval Bytes(const std::string& text) { return {static_cast<ber_len_t>(text.size()), const_cast<char*>(text.data())}; }

// The pointers of one modification, which live as long as the request.
class Modification {
 public:
  Modification(std::string attribute, const std::vector<std::string>& values, int kind = LDAP_MOD_ADD)
      : attribute_(std::move(attribute)), texts_(values) {
    for (const std::string& text : texts_) values_.push_back(Bytes(text));
    for (berval& value : values_) pointers_.push_back(&value);
    pointers_.push_back(nullptr);
    mod_.mod_op = kind | LDAP_MOD_BVALUES;
    mod_.mod_type = attribute_.data();
    mod_.mod_bvalues = pointers_.data();
  }
  LDAPMod* get() { return &mod_; }

 private:
  std::string attribute_;
  std::vector<std::string> texts_;
  std::vector<berval> values_;
  std::vector<berval*> pointers_;
  LDAPMod mod_ = {};
};

Entry ToEntry(LDAP* connection, LDAPMessage* message) {
  Entry entry;
  char* dn = ldap_get_dn(connection, message);
  entry.dn = dn;
  ldap_memfree(dn);
  BerElement* position = nullptr;
  for (char* name = ldap_first_attribute(connection, message, &position); name != nullptr;
       name = ldap_next_attribute(connection, message, position)) {
    berval** values = ldap_get_values_len(connection, message, name);
    for (int i = 0; values != nullptr && values[i] != nullptr; ++i)
      entry.attributes[name].emplace_back(values[i]->bv_val, values[i]->bv_len);
    ldap_value_free_len(values);
    ldap_memfree(name);
  }
  ber_free(position, 0);
  return entry;
}

}  // namespace

std::string Entry::First(const std::string& name) const {
  const auto found = attributes.find(name);
  return found == attributes.end() || found->second.empty() ? "" : found->second.front();
}

// An objectGUID: the first three groups of digits are little-endian.
std::string Entry::Id() const {
  const std::string bytes = First("objectGUID");
  if (bytes.size() != 16) return "";
  std::string id;
  for (const int i : {3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15}) {
    if (i < 0) {
      id += '-';
    } else {
      absl::StrAppend(&id, absl::Hex(static_cast<unsigned char>(bytes[static_cast<size_t>(i)]), absl::kZeroPad2));
    }
  }
  return id;
}

bool Entry::IsEnabled() const { return (std::atoi(First("userAccountControl").c_str()) & 2) == 0; }

Directory::Directory(std::string uri, std::string ca_file, std::string base, const std::string& user,
                     const std::string& password)
    : uri_(std::move(uri)), ca_file_(std::move(ca_file)), base_(std::move(base)), connection_(Open()) {
  berval credentials = Bytes(password);
  const int code =
      ldap_sasl_bind_s(connection_, user.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("no sign-in at ", uri_, ": ", ldap_err2string(code)));
}

Directory::~Directory() { ldap_unbind_ext_s(connection_, nullptr, nullptr); }

LDAP* Directory::Open() const {
  LDAP* connection = nullptr;
  if (ldap_initialize(&connection, uri_.c_str()) != LDAP_SUCCESS) Fail("no LDAP connection for " + uri_);
  const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_HARD, fresh = 0;
  timeval patience = {30, 0};
  ldap_set_option(connection, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(connection, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  ldap_set_option(connection, LDAP_OPT_NETWORK_TIMEOUT, &patience);
  ldap_set_option(connection, LDAP_OPT_TIMEOUT, &patience);
  ldap_set_option(connection, LDAP_OPT_X_TLS_CACERTFILE, ca_file_.c_str());
  ldap_set_option(connection, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
  ldap_set_option(connection, LDAP_OPT_X_TLS_NEWCTX, &fresh);
  return connection;
}

std::vector<Entry> Directory::Search(const std::string& filter, const std::vector<std::string>& attributes,
                                     const std::string& below) const {
  std::vector<char*> names;
  for (const std::string& attribute : attributes) names.push_back(const_cast<char*>(attribute.c_str()));
  names.push_back(nullptr);
  const std::string base = below.empty() ? base_ : absl::StrCat(below, ",", base_);
  std::vector<Entry> entries;
  berval cookie = {};
  do {
    LDAPControl* page = nullptr;
    ldap_create_page_control(connection_, 500, &cookie, 'F', &page);
    LDAPControl* controls[] = {page, nullptr};
    LDAPMessage* result = nullptr;
    const int code = ldap_search_ext_s(connection_, base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(), names.data(), 0,
                                       controls, nullptr, nullptr, LDAP_NO_LIMIT, &result);
    ldap_control_free(page);
    ber_memfree(cookie.bv_val);
    cookie = {};
    if (code != LDAP_SUCCESS) {
      ldap_msgfree(result);
      if (code == LDAP_NO_SUCH_OBJECT) return entries;
      Fail(absl::StrCat("search ", filter, " below ", base, ": ", ldap_err2string(code)));
    }
    for (LDAPMessage* one = ldap_first_entry(connection_, result); one != nullptr;
         one = ldap_next_entry(connection_, one))
      entries.push_back(ToEntry(connection_, one));
    LDAPControl** answers = nullptr;
    int unused = 0;
    ber_int_t estimate = 0;
    ldap_parse_result(connection_, result, &unused, nullptr, nullptr, nullptr, &answers, 1);
    if (answers != nullptr) {
      LDAPControl* answer = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answers, nullptr);
      if (answer != nullptr) ldap_parse_pageresponse_control(connection_, answer, &estimate, &cookie);
      ldap_controls_free(answers);
    }
  } while (cookie.bv_len > 0);
  ber_memfree(cookie.bv_val);
  return entries;
}

std::string Directory::HighestUsn() const {
  char name[] = "highestCommittedUSN";
  char* names[] = {name, nullptr};
  LDAPMessage* result = nullptr;
  std::string usn;
  if (ldap_search_ext_s(connection_, "", LDAP_SCOPE_BASE, "(objectClass=*)", names, 0, nullptr, nullptr, nullptr, 1,
                        &result) == LDAP_SUCCESS) {
    usn = ToEntry(connection_, ldap_first_entry(connection_, result)).First(name);
  }
  ldap_msgfree(result);
  if (usn.empty()) Fail("the directory does not say its highestCommittedUSN");
  return usn;
}

void Directory::Add(const std::string& name, const std::map<std::string, std::vector<std::string>>& attributes) {
  std::vector<std::unique_ptr<Modification>> modifications;
  std::vector<LDAPMod*> pointers;
  for (const auto& [attribute, values] : attributes) {
    modifications.push_back(std::make_unique<Modification>(attribute, values));
    pointers.push_back(modifications.back()->get());
  }
  pointers.push_back(nullptr);
  const int code =
      ldap_add_ext_s(connection_, absl::StrCat(name, ",", base_).c_str(), pointers.data(), nullptr, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("adding ", name, ": ", ldap_err2string(code)));
}

std::string Directory::AddUser(const std::string& account_name, const std::map<std::string, std::string>& attributes) {
  std::map<std::string, std::vector<std::string>> all = {{"objectClass", {"user"}}, {"sAMAccountName", {account_name}}};
  for (const auto& [attribute, value] : attributes) all[attribute] = {value};
  Add(absl::StrCat("CN=", account_name, ",CN=Users"), all);
  return Search(absl::StrCat("(sAMAccountName=", account_name, ")"), {"objectGUID"}).at(0).Id();
}

void Directory::AddComputer(const std::string& account_name) {
  Add(absl::StrCat("CN=", account_name, ",CN=Computers"),
      {{"objectClass", {"computer"}}, {"sAMAccountName", {account_name}}, {"userAccountControl", {"4096"}}});
}

void Directory::AddGroup(const std::string& name) {
  Add(absl::StrCat("CN=", name, ",CN=Users"), {{"objectClass", {"group"}}, {"sAMAccountName", {name}}});
}

void Directory::Remove(const std::string& name) {
  const int code = ldap_delete_ext_s(connection_, absl::StrCat(name, ",", base_).c_str(), nullptr, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("removing ", name, ": ", ldap_err2string(code)));
}

std::string Directory::Whole(const std::string& name) const {
  return absl::EndsWith(name, base_) ? name : absl::StrCat(name, ",", base_);
}

void Directory::Modify(const std::string& name, int kind, const std::string& attribute,
                       const std::vector<std::string>& values) {
  Modification modification(attribute, values, kind);
  LDAPMod* modifications[] = {modification.get(), nullptr};
  const int code = ldap_modify_ext_s(connection_, Whole(name).c_str(), modifications, nullptr, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("changing ", attribute, " of ", name, ": ", ldap_err2string(code)));
}

void Directory::Set(const std::string& name, const std::string& attribute, const std::vector<std::string>& values) {
  Modify(name, LDAP_MOD_REPLACE, attribute, values);
}

void Directory::AddMember(const std::string& group, const std::string& member) {
  Modify(group, LDAP_MOD_ADD, "member", {Whole(member)});
}

void Directory::SetPassword(const std::string& name, const std::string& password) {
  std::string bytes;
  for (const char c : absl::StrCat("\"", password, "\"")) bytes += {c, '\0'};
  Modify(name, LDAP_MOD_REPLACE, "unicodePwd", {bytes});
}

void Directory::Move(const std::string& name, const std::string& new_rdn, const std::string& new_place) {
  const std::string place = new_place.empty() ? "" : Whole(new_place);
  const int code = ldap_rename_s(connection_, Whole(name).c_str(), new_rdn.c_str(),
                                 place.empty() ? nullptr : place.c_str(), 1, nullptr, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("moving ", name, ": ", ldap_err2string(code)));
}

void Directory::RemoveTree(const std::string& name) {
  char oid[] = "1.2.840.113556.1.4.805";
  LDAPControl tree = {oid, {0, nullptr}, 1};
  LDAPControl* controls[] = {&tree, nullptr};
  const int code = ldap_delete_ext_s(connection_, Whole(name).c_str(), controls, nullptr);
  if (code != LDAP_SUCCESS) Fail(absl::StrCat("removing all of ", name, ": ", ldap_err2string(code)));
}

bool Directory::CanSignIn(const std::string& dn, const std::string& password) const {
  LDAP* connection = Open();
  berval credentials = Bytes(password);
  const int code = ldap_sasl_bind_s(connection, dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, nullptr);
  ldap_unbind_ext_s(connection, nullptr, nullptr);
  return code == LDAP_SUCCESS;
}

Domain::Domain(const std::string& root) : root_(root), directory_(root + "/ad") {
  for (int last = 71; last <= 79; ++last) {
    ip_ = absl::StrCat("127.0.0.", last);
    address_lock_ = Lock(absl::StrCat("/tmp/sluice-samba-", ip_, ".lock"), false);
    if (address_lock_ < 0) continue;
    if (guardian_ == nullptr) Unpack();
    if (Script("start " + directory_) == 0) {
      client_ = std::make_unique<Directory>(uri(), ca_file(), base(), bind_dn(), bind_password());
      return;
    }
    close(address_lock_);
  }
  Fail("no domain controller could be started on 127.0.0.71 to .79");
}

Domain::~Domain() {
  client_.reset();
  Script("stop " + directory_);
  std::filesystem::remove_all(directory_);
  pclose(guardian_);
  close(address_lock_);
}

void Domain::Signal(int signal) {
  int pid = 0;
  std::ifstream(directory_ + "/run/pid") >> pid;
  if (pid <= 0 || kill(pid, signal) != 0) Fail("the domain controller is not there");
}

void Domain::Stop() {
  client_.reset();
  Script("stop " + directory_);
}

void Domain::Start() {
  if (Script("start " + directory_) != 0) Fail("the domain controller does not start again");
  client_ = std::make_unique<Directory>(uri(), ca_file(), base(), bind_dn(), bind_password());
}

// Samba's own tool, on the domain's files; the controller sees it at once.
int Domain::Tool(const std::string& arguments) const {
  return system(absl::StrCat("PATH=/usr/bin:/bin:/usr/sbin:/sbin samba-tool ", arguments, " -s ", directory_,
                             "/etc/smb.conf -H ", directory_, "/private/sam.ldb >>", directory_, "/log/tool 2>&1")
                    .c_str());
}

void Domain::Hide(const std::string& place, const std::string& from_account_name) {
  const auto found = client_->Search(absl::StrCat("(sAMAccountName=", from_account_name, ")"), {"objectSid"});
  const auto held = client_->Search("(objectClass=organizationalUnit)", {"nTSecurityDescriptor"}, place);
  if (found.size() != 1 || held.empty()) Fail("neither " + place + " nor " + from_account_name + " may be missing");
  for (const Entry& entry : held) {
    if (entry.dn == absl::StrCat(place, ",", base())) descriptors_[place] = entry.First("nTSecurityDescriptor");
  }
  const std::string bytes = found[0].First("objectSid");
  std::string sid = absl::StrCat("S-1-", static_cast<int>(bytes[7]));
  for (size_t at = 8; at + 4 <= bytes.size(); at += 4) {
    uint32_t part = 0;
    for (size_t i = 4; i-- > 0;) part = part << 8 | static_cast<unsigned char>(bytes[at + i]);
    absl::StrAppend(&sid, "-", part);
  }
  if (Tool(absl::StrCat("dsacl set --objectdn='", place, ",", base(), "' --sddl='(D;CI;LCRPLORC;;;", sid, ")'")) != 0)
    Fail("the rights of " + place + " could not be changed; see log/tool of the domain");
}

void Domain::Show(const std::string& place) { client_->Set(place, "nTSecurityDescriptor", {descriptors_.at(place)}); }

void Domain::Unpack() {
  const std::string cache = Environment("SLUICE_BINARY_DIR") + "/samba";
  std::filesystem::create_directories(cache);
  const int lock = Lock(cache + "/lock", true);  // One program provisions, the others wait.
  const std::string packed = cache + "/domain.tar.zst", fresh = cache + "/fresh";
  if (!std::filesystem::exists(packed)) {
    std::filesystem::remove_all(fresh);
    if (Script("provision " + fresh) != 0 || Script("pack " + fresh + " " + packed + ".new") != 0)
      Fail("no domain could be provisioned");
    std::filesystem::rename(packed + ".new", packed);
    std::filesystem::remove_all(fresh);
  }
  close(lock);
  std::filesystem::create_directories(directory_);
  // Nobody else holds the writing end of the pipe, so reading ends when this process is gone. It belongs to no process
  // tree that a test runner would end with the test.
  const std::string clean = absl::StrCat("exec 3<&0; setsid sh -c 'read line <&3; [ -d ", directory_, " ] && { ",
                                         Environment("SLUICE_SOURCE_DIR"), "/scripts/samba-ad stop ", directory_,
                                         "; rm -rf ", root_, "; }' >/dev/null 2>&1 &");
  guardian_ = popen(clean.c_str(), "we");
  if (guardian_ == nullptr || Script("unpack " + packed + " " + directory_) != 0) Fail("no domain could be unpacked");
}

int Domain::Script(const std::string& arguments) const {
  const std::string command =
      absl::StrCat("AD_IP=", ip_, " ", Environment("SLUICE_SOURCE_DIR"), "/scripts/samba-ad ", arguments);
  return system(command.c_str());
}

}  // namespace sluice::integration
