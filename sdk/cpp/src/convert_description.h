// From a connector's Description to the contract's ConfigSchema, Schema and PluginInfo. Pure; any thread.
#ifndef SLUICE_SDK_CPP_SRC_CONVERT_DESCRIPTION_H_
#define SLUICE_SDK_CPP_SRC_CONVERT_DESCRIPTION_H_

#include "sluice/connector/description.h"
#include "sluice/connector/v1/configuration.pb.h"

namespace sluice::connector {

v1::GetConfigSchemaReply ToConfigSchema(const Description& description);
v1::ObjectClass ToProto(const ObjectClass& object_class);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_CONVERT_DESCRIPTION_H_
