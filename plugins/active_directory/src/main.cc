#include <cstdlib>

#include "plugins/active_directory/src/connector.h"
#include "sluice/connector/serve.h"

int main(int argc, char** argv) {
  // The machine's ldap.conf and LDAP* variables have no say in whom we trust.
  setenv("LDAPNOINIT", "1", 1);
  return sluice::connector::Serve<sluice::active_directory::ActiveDirectory>(argc, argv);
}
