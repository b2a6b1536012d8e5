// Every public header compiles by itself, and none of them lets an author see what the SDK is made of.
#include <sluice/connector/byte_source.h>
#include <sluice/connector/description.h>
#include <sluice/connector/error.h>
#include <sluice/connector/formats.h>
#include <sluice/connector/http_client.h>
#include <sluice/connector/http_pages.h>
#include <sluice/connector/http_tape.h>
#include <sluice/connector/json_reader.h>
#include <sluice/connector/log.h>
#include <sluice/connector/operation.h>
#include <sluice/connector/record.h>
#include <sluice/connector/secret.h>
#include <sluice/connector/serve.h>
#include <sluice/connector/source.h>
#include <sluice/connector/system.h>
#include <sluice/connector/target.h>
#include <sluice/connector/testing/twin.h>
#include <sluice/connector/text.h>
#include <sluice/connector/value.h>
#include <sluice/connector/xml_reader.h>

#if defined(GRPCPP_GRPCPP_H) || defined(GRPC_GRPC_H) || defined(GOOGLE_PROTOBUF_VERSION) || \
    __has_include("sdk/wire/frame.h")
#error "A public header shows gRPC, protobuf or the tree."
#endif
#if defined(LIBCURL_VERSION) || defined(NLOHMANN_JSON_VERSION_MAJOR) || defined(XML_MAJOR_VERSION)
#error "A public header shows a library that the SDK uses inside."
#endif
