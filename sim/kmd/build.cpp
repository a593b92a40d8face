// SPDX-License-Identifier: Apache-2.0
// clang for the sources, nm and addr2line (binutils) for what came of them.
#include "sim/kmd/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "sim/kmd/process.h"

namespace gpudmar::sim::kmd {
namespace {

namespace fs = std::filesystem;

std::string version_number(const std::string& version) {
  if (version == "2.4") return "0x9006";
  if (version == "2.9") return "0xE003";
  if (version == "3.0") return "0xF003";
  if (version == "3.1") return "0x10004";
  throw std::invalid_argument(fmt::format("interface version {}: there are 2.4, 2.9, 3.0 and 3.1", version));
}

bool is_c(const std::string& source) { return fs::path(source).extension() == ".c"; }

std::string compiler(const std::string& source) { return is_c(source) ? "clang" : "clang++"; }

/// What makes clang read Windows sources: the language extensions, 16-bit wide characters, pragmas and
/// attributes that mean nothing here left alone.
std::vector<std::string> common_flags(const BuildRequest& request, const std::string& source) {
  std::vector<std::string> flags{"-fms-extensions",
                                 "-fshort-wchar",
                                 "-D_KERNEL_MODE=1",
                                 "-DGPUDMAR_KMD=1",
                                 "-DGPUDMAR_WDK_OLD_SAL=1",
                                 "-DDXGKDDI_INTERFACE_VERSION=" + version_number(request.version),
                                 "-isystem",
                                 request.wdk};
  flags.insert(flags.begin(), is_c(source) ? "-std=c11" : "-std=c++17");
  // A checked build: assertions are what the driver's author would like to know.
  const auto is_dbg = [](const std::string& flag) {
    return flag == "-UDBG" || flag == "-DDBG" || flag.rfind("-DDBG=", 0) == 0;
  };
  if (std::none_of(request.flags.begin(), request.flags.end(), is_dbg)) flags.emplace_back("-DDBG=1");
  flags.insert(flags.end(), request.flags.begin(), request.flags.end());
  return flags;
}

void check_sources(const BuildRequest& request) {
  if (request.sources.empty()) throw std::invalid_argument("no driver sources");
  static const std::set<std::string> known{".c", ".cpp", ".cc", ".cxx"};
  for (const std::string& source : request.sources) {
    if (known.count(fs::path(source).extension().string()) == 0)
      throw std::invalid_argument(source + ": neither C nor C++ (.c, .cpp, .cc, .cxx)");
    std::error_code error;
    if (!fs::is_regular_file(source, error)) throw std::invalid_argument(source + ": no such file");
  }
}

/// `long` in what was written by the driver's author, headers of the kit and of the compiler not included: as
/// a keyword without another `long` beside it, or as the suffix of a number.
std::vector<std::string> find_long(const BuildRequest& request, const std::string& source) {
  std::vector<std::string> command{compiler(source), "-fsyntax-only", "-Xclang", "-dump-tokens"};
  const auto flags = common_flags(request, source);
  command.insert(command.end(), flags.begin(), flags.end());
  command.push_back(source);
  static const std::regex place_of(R"(Loc=<(.*?):(\d+):\d+(?: <Spelling=(.*?):(\d+):\d+>)?>$)");
  static const std::regex suffix(
      R"(^numeric_constant '((?:0[xX][0-9a-fA-F]+|[0-9]+)(?:[uU]?[lL]|[lL][uU]))')");
  const std::string kit = fs::weakly_canonical(request.wdk).string();
  std::set<std::string> found;
  std::string previous;
  std::string pending;  // place of a `long` whose neighbours decide
  for (const std::string& line : lines_of(run_process(command).output)) {
    const std::string kind = line.substr(0, line.find(' '));
    if (!pending.empty() && kind != "long" && kind != "double")
      found.insert(pending +
                   ": `long` has 64 bits here and 32 on Windows: use LONG, ULONG or a type with a width");
    pending.clear();
    std::smatch match;
    const bool keyword = kind == "long" && previous != "long" && previous != "double";
    const bool number = kind == "numeric_constant" && std::regex_search(line, match, suffix);
    previous = kind;
    if (!keyword && !number) continue;
    const std::string text = number ? match[1].str() : "long";
    if (!std::regex_search(line, match, place_of)) continue;
    const bool spelled = match[3].matched;
    const std::string file = spelled ? match[3].str() : match[1].str();
    if (file.rfind('<', 0) == 0 || file.rfind("/usr/", 0) == 0 ||
        fs::weakly_canonical(file).string().rfind(kit, 0) == 0)
      continue;
    const std::string place = fmt::format("{}:{}", file, spelled ? match[4].str() : match[2].str());
    if (number)
      found.insert(fmt::format("{}: {} has the type `long`, 64 bits here and 32 on Windows", place, text));
    else
      pending = place;
  }
  return {found.begin(), found.end()};
}

}  // namespace

BuildResult build_driver(const BuildRequest& request) {
  check_sources(request);
  fs::create_directories(request.directory);
  BuildResult result;
  result.driver = (fs::path(request.directory) / "driver.so").string();
  fs::remove(result.driver);
  std::vector<std::string> objects;
  bool ok = true;
  for (const std::string& source : request.sources) {
    const std::string object = (fs::path(request.directory) / fmt::format("{}.o", objects.size())).string();
    std::vector<std::string> command{
        compiler(source), "-c", "-o", object, "-g", "-O1", "-fPIC",
        // Call stacks; and bugchecks, which are exceptions here, pass through C.
        "-fno-omit-frame-pointer", "-fno-inline", "-fexceptions", "-fno-optimize-sibling-calls",
        "-Wno-ignored-attributes", "-Wno-unknown-attributes", "-Wno-unknown-pragmas", "-Wno-ignored-pragmas",
        "-Wno-ignored-pragma-intrinsic", "-Wno-multichar", "-Wno-microsoft", "-Wno-pragma-pack",
        "-Wno-four-char-constants"};
    // The driver's own exceptions are as impossible as with the kit's /kernel.
    if (!is_c(source)) command.emplace_back("-fno-cxx-exceptions");
    const auto flags = common_flags(request, source);
    command.insert(command.end(), flags.begin(), flags.end());
    command.push_back(source);
    const ProcessOutput compiled = run_process(command);
    if (compiled.status < 0) throw std::runtime_error(compiled.output + " (run `make deps`)");
    for (const std::string& line : lines_of(compiled.output)) result.diagnostics.push_back(line);
    ok = ok && compiled.status == 0;
    if (compiled.status == 0)
      for (const std::string& use : find_long(request, source)) result.long_uses.push_back(use);
    objects.push_back(object);
  }
  if (!ok) return result;
  std::vector<std::string> link{"clang++", "-shared", "-Wl,-Bsymbolic", "-o", result.driver};
  link.insert(link.end(), objects.begin(), objects.end());
  const ProcessOutput linked = run_process(link);
  for (const std::string& line : lines_of(linked.output)) result.diagnostics.push_back(line);
  result.ok = linked.status == 0;
  return result;
}

std::vector<std::string> imports_of(const std::string& driver) {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(run_process({"nm", "-D", "--undefined-only", driver}).output)) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    if (words >> kind >> name && kind == "U") names.push_back(name.substr(0, name.find('@')));
  }
  return names;
}

bool exports(const std::string& driver, const std::string& symbol) {
  for (const std::string& line : lines_of(run_process({"nm", "-D", "--defined-only", driver}).output))
    if (line.size() > symbol.size() && line.substr(line.size() - symbol.size() - 1) == " " + symbol)
      return true;
  return false;
}

void Symbols::load(const std::vector<std::uint64_t>& offsets) {
  std::string input;
  for (const std::uint64_t offset : offsets) input += fmt::format("{:#x}\n", offset);
  if (input.empty()) return;
  // -a: each answer begins with its address; then pairs of function and place, the innermost first.
  const auto lines =
      lines_of(run_process({"addr2line", "-a", "-f", "-C", "-i", "-e", driver_}, input).output);
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < lines.size();) {
    if (lines[i].rfind("0x", 0) == 0) {
      offset = std::stoull(lines[i++], nullptr, 16);
      places_[offset].clear();
      continue;
    }
    if (i + 1 >= lines.size()) break;
    std::string where = lines[i + 1];
    where = where.substr(0, where.find(" (discriminator"));
    std::error_code error;
    const fs::path path = where.substr(0, where.rfind(':'));
    const fs::path nearer = fs::proximate(path, error);
    if (!error && nearer.string().rfind("..", 0) != 0)
      where = nearer.string() + where.substr(where.rfind(':'));
    if (where.rfind("??", 0) != 0) places_[offset].push_back(fmt::format("{} ({})", where, lines[i]));
    i += 2;
  }
}

std::vector<std::string> Symbols::places(std::uint64_t offset) {
  if (places_.count(offset) == 0) load({offset});
  std::vector<std::string>& places = places_[offset];
  if (places.empty()) places.push_back(fmt::format("{}+{:#x}", driver_, offset));
  return places;
}

}  // namespace gpudmar::sim::kmd
