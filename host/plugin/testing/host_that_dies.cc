// A host in small: starts the system that its arguments describe, says the plugin's number, and waits to be killed with
// SIGKILL.
//
//   host_that_dies PLUGIN_DIRECTORY CONNECTOR BEHAVIOUR
#include <stdio.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "host/plugin/router.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto clock = sluice::base::SystemClock();
  sluice::plugin::RouterOptions options;
  options.plugin_directories = {argv[1]};
  sluice::plugin::Router router(options, clock.get());
  sluice::plugin::SystemConfig config;
  config.name = "odd";
  config.connector = argv[2];
  config.settings["behaviour"] = sluice::core::Value::Text(argv[3]);
  if (!router.Reconfigure({config}).ok()) return 3;
  absl::Notification ready;
  router.Find("odd")->GetSchema([&](const auto&) { ready.Notify(); });
  ready.WaitForNotification();
  printf("%d\n", router.Status().front().pid);
  fflush(stdout);
  while (true) pause();
}
