// A throw-away Active Directory domain for one test, and a client that looks at it beside the connector.
//
// Domain owns a Samba domain controller on a loopback address of its own (127.0.0.71 to .79), unpacked from a domain
// that is provisioned once for the build directory. It is stopped and removed with the object, and also when the test
// is killed. Directory is one signed-in connection over LDAPS; one test, one thread. Neither ever changes an object
// that a test did not name. What cannot be started ends the program with a message.
#ifndef SLUICE_TESTS_INTEGRATION_DOMAIN_H_
#define SLUICE_TESTS_INTEGRATION_DOMAIN_H_

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct ldap;

namespace sluice::integration {

// An object of the directory. Names of attributes are as the directory writes them.
struct Entry {
  std::string dn;
  std::map<std::string, std::vector<std::string>> attributes;

  std::string First(const std::string& name) const;
  bool IsEnabled() const;
  std::string Id() const;  // Its objectGUID, as `sluice` writes it.
};

class Directory {
 public:
  Directory(std::string uri, std::string ca_file, std::string base, const std::string& user,
            const std::string& password);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Below `below` ("OU=Personeel"), or in the whole domain; read in pages.
  std::vector<Entry> Search(const std::string& filter, const std::vector<std::string>& attributes,
                            const std::string& below = "") const;
  // The domain's counter of changes, read on this connection.
  std::string HighestUsn() const;

  // `name` is relative to the domain: "CN=Somebody,CN=Users".
  void Add(const std::string& name, const std::map<std::string, std::vector<std::string>>& attributes);
  // A disabled user in CN=Users; its id, as `sluice` writes it.
  std::string AddUser(const std::string& account_name, const std::map<std::string, std::string>& attributes = {});
  void AddComputer(const std::string& account_name);
  void AddGroup(const std::string& name);
  void Remove(const std::string& name);
  // `name` may be whole. What an administrator does by hand: all values of an attribute; none clears it.
  void Set(const std::string& name, const std::string& attribute, const std::vector<std::string>& values);
  void AddMember(const std::string& group, const std::string& member);
  void SetPassword(const std::string& name, const std::string& password);
  // To another name, or another place; both whole or relative. An empty place: where it is.
  void Move(const std::string& name, const std::string& new_rdn, const std::string& new_place = "");
  void RemoveTree(const std::string& name);

  // Signs in on a connection of its own. Samba says that a password must be changed first with an error: then false.
  bool CanSignIn(const std::string& dn, const std::string& password) const;
  const std::string& base() const { return base_; }

 private:
  std::string Whole(const std::string& name) const;
  void Modify(const std::string& name, int kind, const std::string& attribute, const std::vector<std::string>& values);
  ldap* Open() const;

  const std::string uri_, ca_file_, base_;
  ldap* connection_ = nullptr;
};

class Domain {
 public:
  // Lives in `root`/ad. `root` as a whole is removed when this process is killed; in the end the caller removes it.
  explicit Domain(const std::string& root);
  ~Domain();
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  std::string uri() const { return "ldaps://" + ip_; }
  std::string ca_file() const { return directory_ + "/private/tls/ca.pem"; }
  std::string base() const { return "DC=ad,DC=test"; }
  std::string bind_dn() const { return "CN=Administrator,CN=Users," + base(); }
  std::string bind_password() const { return "Passw0rd.Adm1n"; }
  Directory& directory() { return *client_; }
  // SIGSTOP: the controller answers nothing any more; SIGCONT.
  void Signal(int signal);
  const std::string& ip() const { return ip_; }
  std::string certificate() const { return directory_ + "/private/tls/cert.pem"; }
  std::string certificate_key() const { return directory_ + "/private/tls/key.pem"; }

  // The controller goes down and comes up again; `directory()` signs in anew.
  void Stop();
  void Start();
  // Takes from somebody the right to see what stands in a place, or gives it back.
  void Hide(const std::string& place, const std::string& from_account_name);
  void Show(const std::string& place);

 private:
  int Tool(const std::string& arguments) const;
  int Script(const std::string& arguments) const;
  void Unpack();

  const std::string root_, directory_;
  std::string ip_;
  int address_lock_ = -1;
  std::map<std::string, std::string> descriptors_;  // Of places that are hidden, as they were.
  FILE* guardian_ = nullptr;                        // Cleans up when this process is gone, however it ended.
  std::unique_ptr<Directory> client_;
};

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_DOMAIN_H_
