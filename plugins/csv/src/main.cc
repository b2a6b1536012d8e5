#include "plugins/csv/src/csv.h"
#include "sluice/connector/serve.h"

int main(int argc, char** argv) { return sluice::connector::Serve<sluice::csv::Csv>(argc, argv); }
