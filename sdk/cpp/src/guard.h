// Calls an author's code so that no exception gets out of it: what is thrown becomes BUG. The text of an exception is
// not passed on (a parser's quotes what it read, which may be personal data), only its type.
#ifndef SLUICE_SDK_CPP_SRC_GUARD_H_
#define SLUICE_SDK_CPP_SRC_GUARD_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "sluice/connector/error.h"

namespace sluice::connector {

// The BUG, also logged, if `call` threw.
std::optional<Error> Guarded(std::string_view method, absl::FunctionRef<void()> call);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_GUARD_H_
