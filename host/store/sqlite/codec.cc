#include "host/store/sqlite/codec.h"

#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"

namespace sluice::store {
namespace {

using nlohmann::json;

template <class Enum, size_t kSize>
using Names = std::array<std::pair<Enum, absl::string_view>, kSize>;

constexpr Names<core::Completeness, 3> kCompleteness = {{{core::Completeness::kNotRead, "not_read"},
                                                         {core::Completeness::kPartial, "partial"},
                                                         {core::Completeness::kComplete, "complete"}}};
constexpr Names<core::EntitlementKind, 3> kKinds = {{{core::EntitlementKind::kAccount, "account"},
                                                     {core::EntitlementKind::kAccess, "access"},
                                                     {core::EntitlementKind::kPermission, "permission"}}};
constexpr Names<core::GrantState, 5> kGrantStates = {{{core::GrantState::kAbsent, "absent"},
                                                      {core::GrantState::kHeld, "held"},
                                                      {core::GrantState::kUnmanaged, "unmanaged"},
                                                      {core::GrantState::kInDoubt, "in_doubt"},
                                                      {core::GrantState::kRetired, "retired"}}};
constexpr Names<core::Activation::State, 3> kActivations = {{{core::Activation::State::kObserving, "observing"},
                                                             {core::Activation::State::kPartly, "partly"},
                                                             {core::Activation::State::kActive, "active"}}};
constexpr Names<Operation::State, 7> kOperationStates = {{{Operation::State::kWritten, "written"},
                                                          {Operation::State::kSent, "sent"},
                                                          {Operation::State::kDone, "done"},
                                                          {Operation::State::kFailed, "failed"},
                                                          {Operation::State::kPending, "pending"},
                                                          {Operation::State::kInDoubt, "in_doubt"},
                                                          {Operation::State::kSuperseded, "superseded"}}};

template <class Enum, size_t kSize>
absl::string_view Find(const Names<Enum, kSize>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <class Enum, size_t kSize>
bool Find(const Names<Enum, kSize>& names, absl::string_view name, Enum& value) {
  for (const auto& [known, known_name] : names) {
    if (known_name != name) continue;
    value = known;
    return true;
  }
  return false;
}

json AttributeJson(const core::TargetAttribute& attribute) {
  return {{"unique_in", attribute.unique_in},
          {"max_length", attribute.max_length},
          {"allowed_characters", attribute.allowed_characters},
          {"multi_valued", attribute.multi_valued},
          {"case_insensitive", attribute.case_insensitive},
          {"is_secret", attribute.is_secret},
          {"creatable", attribute.creatable},
          {"updatable", attribute.updatable}};
}

core::TargetAttribute AttributeFromJson(const json& from) {
  core::TargetAttribute attribute;
  attribute.unique_in = from.at("unique_in").get<std::string>();
  attribute.max_length = from.at("max_length").get<uint32_t>();
  attribute.allowed_characters = from.at("allowed_characters").get<std::string>();
  attribute.multi_valued = from.at("multi_valued").get<bool>();
  attribute.case_insensitive = from.at("case_insensitive").get<bool>();
  attribute.is_secret = from.at("is_secret").get<bool>();
  attribute.creatable = from.at("creatable").get<bool>();
  attribute.updatable = from.at("updatable").get<bool>();
  return attribute;
}

json ClassJson(const core::TargetClass& target_class) {
  json attributes = json::object();
  for (const auto& [name, attribute] : target_class.attributes) attributes[name] = AttributeJson(attribute);
  return {{"attributes", std::move(attributes)},
          {"label_attribute", target_class.label_attribute},
          {"password_min_length", target_class.password_min_length},
          {"password_max_length", target_class.password_max_length},
          {"password_min_kinds", target_class.password_min_kinds},
          {"joins", target_class.joins},
          {"max_in_flight", target_class.max_in_flight}};
}

core::TargetClass ClassFromJson(const json& from) {
  core::TargetClass target_class;
  for (const auto& item : from.at("attributes").items()) {
    target_class.attributes[item.key()] = AttributeFromJson(item.value());
  }
  target_class.label_attribute = from.at("label_attribute").get<std::string>();
  target_class.password_min_length = from.at("password_min_length").get<uint32_t>();
  target_class.password_max_length = from.at("password_max_length").get<uint32_t>();
  target_class.password_min_kinds = from.at("password_min_kinds").get<uint32_t>();
  target_class.joins = from.value("joins", false);
  target_class.max_in_flight = from.value("max_in_flight", 0u);
  return target_class;
}

}  // namespace

absl::string_view NameOf(core::Completeness completeness) { return Find(kCompleteness, completeness); }
absl::string_view NameOf(core::EntitlementKind kind) { return Find(kKinds, kind); }
absl::string_view NameOf(core::GrantState state) { return Find(kGrantStates, state); }
absl::string_view NameOf(core::Activation::State state) { return Find(kActivations, state); }
absl::string_view NameOf(Operation::State state) { return Find(kOperationStates, state); }

bool FromName(absl::string_view name, core::Completeness& completeness) {
  return Find(kCompleteness, name, completeness);
}
bool FromName(absl::string_view name, core::EntitlementKind& kind) { return Find(kKinds, name, kind); }
bool FromName(absl::string_view name, core::GrantState& state) { return Find(kGrantStates, name, state); }
bool FromName(absl::string_view name, core::Activation::State& state) { return Find(kActivations, name, state); }
bool FromName(absl::string_view name, Operation::State& state) { return Find(kOperationStates, name, state); }

absl::Status Unreadable(absl::string_view table, absl::string_view row) {
  return absl::DataLossError(absl::StrCat("the store holds something unreadable in table ", table, ", row ", row,
                                          ". Stop the host and put back the last backup"));
}

json Parse(absl::string_view text) {
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::optional<std::string> FieldsText(const core::Fields& fields) {
  if (fields.empty()) return std::nullopt;
  return base::CanonicalJson(core::FieldsToJson(fields));
}

absl::StatusOr<core::Fields> FieldsFromText(absl::string_view text) {
  if (text.empty()) return core::Fields();
  const json parsed = Parse(text);
  if (!parsed.is_object()) return absl::DataLossError("fields are not an object");
  return core::FieldsFromJson(parsed);
}

std::string SchemaText(const core::TargetSchema& schema) {
  json classes = json::object(), relations = json::object();
  for (const auto& [name, target_class] : schema.classes) classes[name] = ClassJson(target_class);
  for (const auto& [name, relation] : schema.relations) {
    relations[name] = {{"relation_class", relation.relation_class},
                       {"subject_attribute", relation.subject_attribute},
                       {"object_attribute", relation.object_attribute}};
  }
  return base::CanonicalJson({{"classes", std::move(classes)},
                              {"relations", std::move(relations)},
                              {"creates_enabled", schema.creates_enabled}});
}

absl::StatusOr<core::TargetSchema> SchemaFromText(absl::string_view text) {
  try {
    const json from = json::parse(text.begin(), text.end());
    core::TargetSchema schema;
    for (const auto& item : from.at("classes").items()) schema.classes[item.key()] = ClassFromJson(item.value());
    for (const auto& item : from.at("relations").items()) {
      schema.relations[item.key()] = {item.value().at("relation_class").get<std::string>(),
                                      item.value().at("subject_attribute").get<std::string>(),
                                      item.value().at("object_attribute").get<std::string>()};
    }
    schema.creates_enabled = from.at("creates_enabled").get<bool>();
    return schema;
  } catch (const json::exception&) {
    return absl::DataLossError("no schema");
  }
}

std::string TextsText(const std::vector<std::string>& texts) { return base::CanonicalJson(json(texts)); }
std::string TextsText(const std::map<std::string, std::string>& texts) {
  json object = json::object();
  for (const auto& [key, text] : texts) object[key] = text;
  return base::CanonicalJson(object);
}

bool TextsFromText(absl::string_view text, std::vector<std::string>& texts) {
  const json parsed = Parse(text);
  if (!parsed.is_array()) return false;
  for (const json& item : parsed) {
    if (!item.is_string()) return false;
    texts.push_back(item.get<std::string>());
  }
  return true;
}

bool TextsFromText(absl::string_view text, std::map<std::string, std::string>& texts) {
  const json parsed = Parse(text);
  if (!parsed.is_object()) return false;
  for (const auto& item : parsed.items()) {
    if (!item.value().is_string()) return false;
    texts[item.key()] = item.value().get<std::string>();
  }
  return true;
}

std::string HashBytes(absl::string_view hex) { return absl::HexStringToBytes(hex); }
std::string HashHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

}  // namespace sluice::store
