// How the parts of the state stand in columns: names of states, JSON of fields and schemas.
//
// Pure functions. What cannot be read back is DATA_LOSS naming the table and the row.
#ifndef SLUICE_HOST_STORE_SQLITE_CODEC_H_
#define SLUICE_HOST_STORE_SQLITE_CODEC_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/core/record.h"
#include "host/core/state.h"
#include "host/store/store.h"
#include "nlohmann/json.hpp"

namespace sluice::store {

absl::string_view NameOf(core::Completeness completeness);
absl::string_view NameOf(core::EntitlementKind kind);
absl::string_view NameOf(core::GrantState state);
absl::string_view NameOf(core::Activation::State state);
absl::string_view NameOf(Operation::State state);

// False: no such name.
bool FromName(absl::string_view name, core::Completeness& completeness);
bool FromName(absl::string_view name, core::EntitlementKind& kind);
bool FromName(absl::string_view name, core::GrantState& state);
bool FromName(absl::string_view name, core::Activation::State& state);
bool FromName(absl::string_view name, Operation::State& state);

absl::Status Unreadable(absl::string_view table, absl::string_view row);

// Canonical; none for no fields.
std::optional<std::string> FieldsText(const core::Fields& fields);
absl::StatusOr<core::Fields> FieldsFromText(absl::string_view text);  // Of "": none.

std::string SchemaText(const core::TargetSchema& schema);
absl::StatusOr<core::TargetSchema> SchemaFromText(absl::string_view text);

// A list or a map of texts; fails on anything else.
std::string TextsText(const std::vector<std::string>& texts);
std::string TextsText(const std::map<std::string, std::string>& texts);
bool TextsFromText(absl::string_view text, std::vector<std::string>& texts);
bool TextsFromText(absl::string_view text, std::map<std::string, std::string>& texts);

// Discarded when it is not JSON.
nlohmann::json Parse(absl::string_view text);

// The 32 bytes of 64 hexadecimal digits.
std::string HashBytes(absl::string_view hex);
std::string HashHex(absl::string_view bytes);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_CODEC_H_
