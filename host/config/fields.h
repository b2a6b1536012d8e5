// The fields that rules and templates may read: which names exist at all, and which of them a mapping fills.
//
// Filled while the systems are read, before any rule is; not changed after that.
#ifndef SLUICE_HOST_CONFIG_FIELDS_H_
#define SLUICE_HOST_CONFIG_FIELDS_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/core/configuration.h"

namespace sluice::config {

enum class FieldType { kUnknown, kText, kNumber, kDate, kFlag };

class KnownFields {
 public:
  KnownFields();

  // Everything that one class of records fills of a person, also what is computed by itself.
  void AddPerson(const core::PersonMapping& person, const std::function<FieldType(const core::FieldMapping&)>& type_of);
  // Names without "person." or "contract.".
  void AddPersonField(const std::string& field, FieldType type = FieldType::kUnknown);
  void AddContractField(const std::string& contract_type, const std::string& field,
                        FieldType type = FieldType::kUnknown);
  void AddContractType(const std::string& type) { contract_fields_[type]; }
  // A source's mapping could not be read: what nobody fills may well be filled by it, so nothing is said about it.
  void SetIncomplete() { is_complete_ = false; }
  bool is_complete() const { return is_complete_; }

  // By whole path. Every path is "known" while the fields are incomplete.
  bool IsFilled(const std::string& path) const;
  bool IsContractType(const std::string& type) const;
  std::vector<std::string> ContractTypes() const;
  std::vector<std::string> FilledPaths() const;
  // `unknown field "x"; did you mean "y"?`; of a standard field, that no mapping fills it. `written` is how it stands
  // in the file, without "contract." inside of a *_contract.
  std::string Explain(const std::string& path, absl::string_view written) const;

  // Of a standard field its own; of a custom one what all mappings that fill it give, else unknown.
  FieldType TypeOf(const std::string& path) const;
  static FieldType StandardTypeOf(absl::string_view path);
  // Standard names, or "custom." and a name.
  static bool IsPersonField(const std::string& field);
  static bool IsContractField(const std::string& field);
  static const std::vector<std::string>& StandardPersonFields();
  static const std::vector<std::string>& StandardContractFields();

 private:
  void AddType(const std::string& path, FieldType type);

  std::set<std::string> person_fields_;
  std::map<std::string, std::set<std::string>> contract_fields_;  // By type.
  std::map<std::string, FieldType> custom_types_;                 // By whole path.
  bool is_complete_ = true;
};

// What a whole configuration fills, without types.
KnownFields FieldsOf(const core::Configuration& configuration);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_FIELDS_H_
