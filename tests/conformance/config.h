// The file that says how a connector is opened for the suite: `settings` and `secrets` as in a system's file, and
// `check` with what only the suite needs. See README.md. Plain data; one reader, no state.
#ifndef SLUICE_TESTS_CONFORMANCE_CONFIG_H_
#define SLUICE_TESTS_CONFORMANCE_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "sluice/connector/v1/configuration.pb.h"
#include "sluice/connector/v1/value.pb.h"

namespace sluice::conformance {

using Values = std::map<std::string, connector::v1::Value>;

// The same system opened in another way: what is named here replaces the setting or secret of that name.
struct OtherConfig {
  Values settings;
  std::map<std::string, std::string> secrets;
  std::vector<std::string> classes, scopes;  // What is refused then; no scopes: in every one.
};

struct Config {
  Values settings;
  std::map<std::string, std::string> secrets;
  std::string time_zone = "Europe/Amsterdam";
  std::string ca_bundle;

  absl::CivilDay as_of;
  bool write = false;                    // The suite may create, change and delete what it made itself.
  std::string prefix = "zzcheck";        // What its names begin with.
  std::map<std::string, Values> create;  // By class: what a new object gets. "{prefix}" and "{n}" are filled in.
  std::map<std::string, Values> update;  // By class: what is changed later.
  std::map<std::string, std::string> correlate;  // By class: an attribute that several objects may share.
  OtherConfig refused;                           // Opened so, the system refuses some classes.
  std::optional<OtherConfig> other;              // Opened so, it is another one, or read in another way.
  std::string
      proxy;  // "HOST:PORT" of the system, if "{proxy}" stands in the settings: then its connection can be broken.
};

// INVALID_ARGUMENT names the file, the line and what to do. Relative paths of FILE and CERTIFICATE settings are made
// absolute later, when their types are known.
absl::StatusOr<Config> ReadConfig(const std::string& path);

Config WithOther(Config config, const OtherConfig& other);

// The settings as the schema's types have them: durations and dates stay text, paths become absolute, "{proxy}" becomes
// the proxy's address.
Values FitSettings(const Config& config, const connector::v1::GetConfigSchemaReply& schema,
                   const std::string& directory);
// Every text in it with `from` replaced.
void ReplaceInTexts(connector::v1::Value* value, const std::string& from, const std::string& to);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_CONFIG_H_
