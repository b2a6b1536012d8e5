# What the SDK's package is made of. Every folder adds its own part by one line; `cmake --install BUILD --component sdk` installs
# them, and the target `sdk_package` makes the Debian package of them.

# sluice_sdk_tool(TOOL...): programs (targets of ours, or scripts) that a connector's author runs; they go to bin/. One that was
# not built fails the install: build `sdk_parts` first.
function(sluice_sdk_tool)
  foreach(tool IN LISTS ARGN)
    if(TARGET ${tool})
      install(TARGETS ${tool} RUNTIME DESTINATION bin COMPONENT sdk)
      set_property(GLOBAL APPEND PROPERTY SLUICE_SDK_TARGETS ${tool})
    else()
      install(PROGRAMS ${tool} DESTINATION bin COMPONENT sdk)
    endif()
  endforeach()
endfunction()

# sluice_sdk_data(DESTINATION SOURCE...): files or folders (without a trailing slash) that the tools read, in
# share/sluice-connector-sdk/DESTINATION; a program finds them at ../share/sluice-connector-sdk, seen from its own place.
function(sluice_sdk_data destination)
  foreach(source IN LISTS ARGN)
    get_filename_component(source ${source} ABSOLUTE)
    if(IS_DIRECTORY ${source})
      install(DIRECTORY ${source} DESTINATION share/sluice-connector-sdk/${destination} COMPONENT sdk USE_SOURCE_PERMISSIONS)
    else()
      install(FILES ${source} DESTINATION share/sluice-connector-sdk/${destination} COMPONENT sdk)
    endif()
  endforeach()
endfunction()
