#include "sdk/cpp/src/guard.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

std::string Readable(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                   &std::free);
  return name != nullptr ? name.get() : type.name();
}

Error Bug(std::string_view method, const std::string& type) {
  LogError("the connector threw an exception").With("method", method).With("type", type);
  return Error(Reason::kBug, "SDK-0001",
               absl::StrCat(std::string(method), " of the connector threw an exception of type ", type,
                            "; report it to its maker"));
}

}  // namespace

std::optional<Error> Guarded(std::string_view method, absl::FunctionRef<void()> call) {
  try {
    call();
    return std::nullopt;
  } catch (const std::exception& exception) {
    return Bug(method, Readable(typeid(exception)));
  } catch (...) {
    return Bug(method, "unknown");
  }
}

}  // namespace sluice::connector
