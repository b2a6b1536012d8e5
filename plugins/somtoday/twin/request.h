// The words of the framework of twins, as this twin uses them.
#ifndef PLUGINS_SOMTODAY_TWIN_REQUEST_H_
#define PLUGINS_SOMTODAY_TWIN_REQUEST_H_

#include "sluice/connector/testing/twin.h"

namespace sluice::somtoday_twin {

using Request = connector::testing::TwinRequest;
using Answer = connector::testing::TwinAnswer;
using Fault = connector::testing::TwinFault;

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_REQUEST_H_
