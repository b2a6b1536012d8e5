#include "plugins/somtoday/src/somtoday.h"
#include "sluice/connector/serve.h"

int main(int argc, char** argv) { return sluice::connector::Serve<sluice::somtoday::Somtoday>(argc, argv); }
