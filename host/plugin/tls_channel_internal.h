// The connection to a plugin that listens: mutual TLS over its unix socket, in which each side knows the other by
// exactly one certificate.
#ifndef SLUICE_HOST_PLUGIN_TLS_CHANNEL_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_TLS_CHANNEL_INTERNAL_H_

#include <memory>

#include "grpcpp/channel.h"
#include "grpcpp/support/channel_arguments.h"
#include "host/plugin/process.h"

namespace sluice::plugin {

// Whoever answers on the socket with another certificate than the one that came over the control descriptor is nobody:
// calls fail with UNAVAILABLE.
std::shared_ptr<grpc::Channel> TlsChannel(const Connection& connection, grpc::ChannelArguments arguments);

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_TLS_CHANNEL_INTERNAL_H_
