# Headers that are compiled once, in one object library for each way of compiling that uses them: a third of the build's time.

# sluice_precompile(TARGET HEADERS [OPTION]): TARGET is optimised by OPTION and sees HEADERS (common, test) precompiled alike.
function(sluice_precompile target headers)
  target_compile_options(${target} PRIVATE ${ARGN})
  if(NOT SLUICE_PRECOMPILED)
    return()
  endif()
  set(owner "sluice_precompiled_${headers}${ARGN}")
  if(NOT TARGET ${owner})
    file(TOUCH ${CMAKE_BINARY_DIR}/${owner}.cc)
    add_library(${owner} OBJECT ${CMAKE_BINARY_DIR}/${owner}.cc)
    target_compile_options(${owner} PRIVATE ${ARGN})
    target_precompile_headers(${owner} PRIVATE ${CMAKE_SOURCE_DIR}/scripts/precompiled/${headers}.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
