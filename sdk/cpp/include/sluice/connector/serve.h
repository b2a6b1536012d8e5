// Serve: the whole main() of a connector program. The type must derive from Source or Target and have `static
// Description Describe()`.
#ifndef SLUICE_CONNECTOR_SERVE_H_
#define SLUICE_CONNECTOR_SERVE_H_

#include <concepts>
#include <functional>
#include <memory>

#include "sluice/connector/description.h"
#include "sluice/connector/source.h"

namespace sluice::connector {

// What Serve needs to know of a connector.
struct Connector {
  Description description;
  bool is_target = false;
  std::function<std::unique_ptr<Source>()> make;
};
class Target;

// Runs until the host goes or asks it to stop, and returns the exit code: 0 after a stop, 64 when started by hand (it
// then says what the program is and which command runs it), 65 when the host's protocol does not fit, 70 when the start
// failed.
int Run(Connector connector, int argc, char** argv);

template <std::derived_from<Source> T>
int Serve(int argc, char** argv) {
  return Run(Connector{T::Describe(), std::derived_from<T, Target>, [] { return std::make_unique<T>(); }}, argc, argv);
}

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_SERVE_H_
