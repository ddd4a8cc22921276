# Writes every file under DIST into the C++ source OUT as a table that api/page_assets.h declares.
set(types html "text/html; charset=utf-8" js "text/javascript; charset=utf-8"
  css "text/css; charset=utf-8" svg "image/svg+xml")
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(SORT files)
set(arrays "")
set(table "")
set(n 0)
foreach(file ${files})
  string(REGEX MATCH "[a-z]+$" extension ${file})
  list(FIND types ${extension} at)
  if(at EQUAL -1)
    message(FATAL_ERROR "no content type is known for ${file}: add it to web/embed.cmake")
  endif()
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  file(READ ${DIST}/${file} hex HEX)
  file(SIZE ${DIST}/${file} size)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
  string(APPEND arrays "constexpr char kAsset${n}[] = \"${bytes}\";\n")
  string(APPEND table "    {\"/${file}\", \"${type}\", {kAsset${n}, ${size}}},\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "// Generated from web/dist by web/embed.cmake.
#include \"api/page_assets.h\"

namespace widenet::api {
namespace {

${arrays}
constexpr Asset kAssets[] = {
${table}};

}  // namespace

std::span<const Asset> page_assets() { return kAssets; }

}  // namespace widenet::api
")
