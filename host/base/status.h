// Early return on failed status, and one place to add context to a message.
#ifndef SLUICE_HOST_BASE_STATUS_H_
#define SLUICE_HOST_BASE_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#define SLUICE_CONCAT_INNER_(a, b) a##b
#define SLUICE_CONCAT_(a, b) SLUICE_CONCAT_INNER_(a, b)

#define RETURN_IF_ERROR(expression)                  \
  do {                                               \
    absl::Status sluice_status_ = (expression);      \
    if (!sluice_status_.ok()) return sluice_status_; \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) ASSIGN_OR_RETURN_(SLUICE_CONCAT_(sluice_or_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_(result, target, expression) \
  auto result = (expression);                         \
  if (!result.ok()) return result.status();           \
  target = std::move(result).value()

namespace sluice::base {

// The same code and payloads, with `context: ` before the message.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_STATUS_H_
