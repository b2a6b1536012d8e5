// The small questions that an author asks of a request.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sluice/connector/error.h"
#include "sluice/connector/source.h"
#include "sluice/connector/target.h"

namespace sluice::connector {

bool ImportRequest::Wants(AnyText object_class) const {
  return std::any_of(classes.begin(), classes.end(),
                     [&](const ClassRequest& c) { return c.object_class == object_class.view(); });
}

bool ImportRequest::Wants(AnyText object_class, AnyText attribute) const {
  for (const ClassRequest& c : classes) {
    if (c.object_class != object_class.view()) continue;
    return std::any_of(c.attributes.begin(), c.attributes.end(),
                       [&](const std::string& name) { return name == attribute.view(); });
  }
  return false;
}

bool ImportRequest::WantsScope(AnyText scope) const {
  return scopes.empty() ||
         std::any_of(scopes.begin(), scopes.end(), [&](const std::string& id) { return id == scope.view(); });
}

const Cursor* ImportRequest::CursorOf(AnyText scope) const {
  for (const Cursor& cursor : cursors) {
    if (cursor.scope == scope.view()) return &cursor;
  }
  return nullptr;
}

bool ReadRequest::Wants(AnyText attribute) const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [&](const std::string& name) { return name == attribute.view(); });
}

absl::Status Source::RotateSecret(AnyText name, const Secret& value, absl::Duration patience) const {
  if (rotate_ != nullptr && rotate_(name.str(), value, patience)) return absl::OkStatus();
  return Error(Reason::kUnavailable, "SDK-0003",
               absl::StrCat("the host has not stored the new secret '", name.str(), "'"))
      .AsStatus();
}

}  // namespace sluice::connector
