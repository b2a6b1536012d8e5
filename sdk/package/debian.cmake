# The Debian package of the SDK: `cmake --build BUILD --target sdk_package` leaves BUILD/package/sluice-connector-sdk_VERSION_ARCH.deb.
# Included last by the top, when every folder has said what it installs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sluice-connector-sdk)
set(CPACK_PACKAGE_VENDOR Sluice)
set(CPACK_PACKAGE_CONTACT "The Sluice authors <sluice@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Build and prove connectors for the Sluice identity provisioning engine")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL sdk)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME sluice-connector-sdk)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # Of the tools.
# What a connector is compiled and linked with (the template by ninja, a project of one's own by cmake's default), and what the tools and Python's SDK run with.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "binutils, python3, python3-cryptography, python3-grpcio, python3-protobuf, g++, cmake, make, ninja-build, libabsl-dev, libcpp-httplib-dev, libcurl4-openssl-dev, libexpat1-dev, libgrpc++-dev, libjemalloc-dev, libprotobuf-dev, libre2-dev, libssl-dev, protobuf-compiler-grpc")
include(CPack)

get_property(sdk_targets GLOBAL PROPERTY SLUICE_SDK_TARGETS)
add_custom_target(sdk_parts DEPENDS ${sdk_targets})
add_custom_target(sdk_package COMMAND ${CMAKE_CPACK_COMMAND} --config ${CMAKE_BINARY_DIR}/CPackConfig.cmake DEPENDS sdk_parts
  COMMENT "Packing sluice-connector-sdk" USES_TERMINAL)
