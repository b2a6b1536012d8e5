// Between our values and libldap's: arrays of C pointers on the way out, entries and results on the way in. Each
// encoder owns what its pointers point to and lives as long as the call. Used by Client's owner thread only.
#pragma once

#include <ldap.h>

#include <string>
#include <vector>

#include "plugins/active_directory/src/client.h"

namespace sluice::active_directory {

class EncodedStrings {
 public:
  explicit EncodedStrings(std::vector<std::string> strings);
  char** get() const { return const_cast<char**>(pointers_.data()); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

class EncodedModifications {
 public:
  explicit EncodedModifications(const std::vector<Modification>& modifications);
  LDAPMod** get() const { return const_cast<LDAPMod**>(pointers_.data()); }

 private:
  struct One {
    LDAPMod mod{};
    std::vector<berval> values;
    std::vector<berval*> pointers;
  };
  std::vector<One> all_;
  std::vector<LDAPMod*> pointers_;
};

// Paging, extended names and tree delete, as the request asks.
class EncodedControls {
 public:
  explicit EncodedControls(const Request& request);
  ~EncodedControls();
  EncodedControls(const EncodedControls&) = delete;
  EncodedControls& operator=(const EncodedControls&) = delete;
  LDAPControl** get() const { return const_cast<LDAPControl**>(pointers_.data()); }

 private:
  void AddControl(const char* oid, bool critical, BerElement* value);
  std::vector<LDAPControl*> pointers_;
};

Entry DecodeEntry(LDAP* handle, LDAPMessage* message);
// Code, diagnostic and the cookie of the next page.
void DecodeResult(LDAP* handle, LDAPMessage* message, Response& response);

}  // namespace sluice::active_directory
