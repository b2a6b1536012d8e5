#include "plugins/active_directory/src/encoding.h"

#include <lber.h>

#include <utility>

#include "absl/strings/ascii.h"

namespace sluice::active_directory {
namespace {

constexpr char kExtendedNames[] = "1.2.840.113556.1.4.529";
constexpr char kTreeDelete[] = "1.2.840.113556.1.4.805";

}  // namespace

EncodedStrings::EncodedStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (std::string& text : strings_) pointers_.push_back(text.data());
  pointers_.push_back(nullptr);
}

EncodedModifications::EncodedModifications(const std::vector<Modification>& modifications)
    : all_(modifications.size()) {
  for (size_t i = 0; i < modifications.size(); ++i) {
    const Modification& from = modifications[i];
    One& one = all_[i];
    one.values.reserve(from.values.size());
    for (const std::string& value : from.values)
      one.values.push_back(berval{value.size(), const_cast<char*>(value.data())});
    for (berval& value : one.values) one.pointers.push_back(&value);
    one.pointers.push_back(nullptr);
    one.mod.mod_op = static_cast<int>(from.kind) | LDAP_MOD_BVALUES;
    one.mod.mod_type = const_cast<char*>(from.attribute.c_str());
    one.mod.mod_vals.modv_bvals = from.values.empty() ? nullptr : one.pointers.data();
    pointers_.push_back(&one.mod);
  }
  pointers_.push_back(nullptr);
}

EncodedControls::EncodedControls(const Request& request) {
  if (request.page_size > 0) {
    BerElement* value = ber_alloc_t(LBER_USE_DER);
    berval cookie{request.cookie.size(), const_cast<char*>(request.cookie.data())};
    ber_printf(value, "{iO}", static_cast<ber_int_t>(request.page_size), &cookie);
    AddControl(LDAP_CONTROL_PAGEDRESULTS, true, value);
  }
  if (request.extended_names) {
    BerElement* value = ber_alloc_t(LBER_USE_DER);
    ber_printf(value, "{i}", static_cast<ber_int_t>(1));  // 1: GUID and SID as text.
    AddControl(kExtendedNames, true, value);
  }
  if (request.with_children) AddControl(kTreeDelete, true, nullptr);
  pointers_.push_back(nullptr);
}

EncodedControls::~EncodedControls() {
  for (LDAPControl* control : pointers_) {
    if (control != nullptr) ldap_control_free(control);
  }
}

void EncodedControls::AddControl(const char* oid, bool critical, BerElement* value) {
  berval content{0, nullptr};
  if (value != nullptr) ber_flatten2(value, &content, 0);
  LDAPControl* control = nullptr;
  ldap_control_create(oid, critical ? 1 : 0, value == nullptr ? nullptr : &content, 1, &control);
  if (value != nullptr) ber_free(value, 1);
  if (control != nullptr) pointers_.push_back(control);
}

Entry DecodeEntry(LDAP* handle, LDAPMessage* message) {
  Entry entry;
  if (char* dn = ldap_get_dn(handle, message); dn != nullptr) {
    entry.dn = dn;
    ldap_memfree(dn);
  }
  BerElement* position = nullptr;
  for (char* name = ldap_first_attribute(handle, message, &position); name != nullptr;
       name = ldap_next_attribute(handle, message, position)) {
    std::vector<std::string>& values = entry.attributes[absl::AsciiStrToLower(name)];
    if (berval** all = ldap_get_values_len(handle, message, name); all != nullptr) {
      for (berval** value = all; *value != nullptr; ++value) values.emplace_back((*value)->bv_val, (*value)->bv_len);
      ldap_value_free_len(all);
    }
    ldap_memfree(name);
  }
  if (position != nullptr) ber_free(position, 0);
  return entry;
}

void DecodeResult(LDAP* handle, LDAPMessage* message, Response& response) {
  char* text = nullptr;
  LDAPControl** controls = nullptr;
  response.code = LDAP_OTHER;
  ldap_parse_result(handle, message, &response.code, nullptr, &text, nullptr, &controls, 0);
  if (text != nullptr) response.diagnostic = text;
  ldap_memfree(text);
  if (controls == nullptr) return;
  if (LDAPControl* paged = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, nullptr); paged != nullptr) {
    ber_int_t estimate = 0;
    berval cookie{0, nullptr};
    if (ldap_parse_pageresponse_control(handle, paged, &estimate, &cookie) == LDAP_SUCCESS) {
      response.cookie.assign(cookie.bv_val == nullptr ? "" : cookie.bv_val, cookie.bv_len);
      ber_memfree(cookie.bv_val);
    }
  }
  ldap_controls_free(controls);
}

}  // namespace sluice::active_directory
