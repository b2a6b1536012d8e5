// A Samba domain controller for one test program: unpacked from a domain that was provisioned once for this build
// directory, started on a loopback address of its own (127.0.0.40 to .60), stopped and removed at the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/active_directory/src/connector.h"
#include "plugins/active_directory/src/directory.h"
#include "sluice/connector/system.h"

namespace sluice::active_directory {

class Samba {
 public:
  // The program's controller, started at first use; ends the program when it cannot be started.
  static Samba& Get();

  const std::string& ip() const { return ip_; }
  std::string ca_file() const { return directory_ + "/private/tls/ca.pem"; }
  void Stop();
  void Start();

  // The connector's settings for this domain.
  connector::System System(int range_step = 0, int page_size = 500) const;
  std::string Base() const { return "DC=ad,DC=test"; }
  // True if somebody with this name and password can sign in.
  bool CanSignIn(const std::string& dn, const std::string& password) const;
  // One object by its name, with these attributes; for looking beside the connector.
  Entry Look(Client& client, const std::string& dn, const std::vector<std::string>& attributes) const;
  Client::Options ClientOptions() const;

  ~Samba();

 private:
  Samba();
  int Script(const std::string& arguments) const;
  void Unpack();

  std::string ip_;
  std::string directory_;
  int address_lock_ = -1;
};

}  // namespace sluice::active_directory
