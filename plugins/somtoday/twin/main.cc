// somtoday-twin: a simulated Somtoday for tests and demonstrations. Prints its port when it is ready; ends on SIGTERM
// or SIGINT.

#include <signal.h>

#include <cstdio>
#include <fstream>
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

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto server = sluice::somtoday_twin::TwinServer::Start(options);
  if (!server.ok()) {
    std::cerr << "somtoday-twin: " << server.status().message() << "\n";
    return 1;
  }
  if (!port_file.empty()) {
    const std::string half = port_file + ".new";
    std::ofstream(half) << (*server)->port() << "\n";
    if (std::rename(half.c_str(), port_file.c_str()) != 0) {
      std::cerr << "somtoday-twin: " << port_file << " cannot be written\n";
      return 1;
    }
  }
  std::cout << "somtoday-twin listens on 127.0.0.1 port " << (*server)->port() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
