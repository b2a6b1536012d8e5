// somtoday-twin: a simulated Somtoday for tests and demonstrations. Prints its port when it is ready; ends on SIGTERM
// or SIGINT.

#include <iostream>

#include "CLI/CLI.hpp"
#include "plugins/somtoday/twin/server.h"

int main(int argc, char** argv) {
  sluice::somtoday_twin::TwinOptions options;
  std::string port_file;
  CLI::App app("A simulated Somtoday Connect over a generated school board", "somtoday-twin");
  app.add_option("--port", options.port, "Port on 127.0.0.1; 0: any");
  app.add_option("--pupils", options.size.pupils, "Pupils")->check(CLI::Range(0, 1'000'000));
  app.add_option("--staff", options.size.staff, "Members of staff")->check(CLI::Range(0, 100'000));
  app.add_option("--locations", options.size.locations, "Vestigingen")->check(CLI::Range(1, 1000));
  app.add_option("--seed", options.size.seed, "Seed of the school");
  app.add_option("--clock", options.clock_file, "File with one RFC 3339 line, read on each request");
  app.add_option("--port-file", port_file, "Write the port to this file when ready");
  app.add_option("--client-id", options.client_id, "Client that may ask for a token");
  app.add_option("--client-secret", options.client_secret, "Its secret");
  CLI11_PARSE(app, argc, argv);

  sluice::connector::testing::BlockSignals();
  auto server = sluice::somtoday_twin::StartTwin(options);
  if (!server.ok()) {
    std::cerr << "somtoday-twin: " << server.status().message() << "\n";
    return 1;
  }
  return sluice::connector::testing::ServeUntilSignal(**server, "somtoday-twin", port_file);
}
