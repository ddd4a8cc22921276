#include "engine/row_pages.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace widenet::engine {

size_t PageLayout::add(int64_t ratio, int64_t row_bytes) {
  WN_CHECK(ratio > 0 && kPageTokens % ratio == 0 &&
           std::has_single_bit(static_cast<uint64_t>(ratio)));
  arrays_.push_back({ratio, row_bytes, page_bytes_});
  page_bytes_ += arrays_.back().rows_per_page() * row_bytes;
  return arrays_.size() - 1;
}

int64_t PageLayout::bytes(int64_t n_tokens) const {
  int64_t bytes = 0;
  for (const Array& array : arrays_) bytes += array.n_rows(n_tokens) * array.row_bytes;
  return bytes;
}

void RowPages::extend(int64_t n_tokens, int64_t end) {
  WN_CHECK(static_cast<int64_t>(pages_.size()) == (n_tokens + kPageTokens - 1) / kPageTokens);
  const auto end_in = [&](size_t page) {
    return std::min(end, static_cast<int64_t>(page + 1) * kPageTokens);
  };
  if (n_tokens % kPageTokens != 0 && n_tokens < end) {
    const size_t last = pages_.size() - 1;
    std::shared_ptr<Page>& page = pages_[last];
    if (page->end != n_tokens && page.use_count() > 1) {  // others have appended
      auto copy = std::make_shared<Page>(layout_->page_bytes());
      for (const PageLayout::Array& array : layout_->arrays()) {
        std::memcpy(copy->bytes.get() + array.offset, page->bytes.get() + array.offset,
                    static_cast<size_t>(array.n_rows(n_tokens % kPageTokens) * array.row_bytes));
      }
      put_page(last, std::move(copy));
    }
    page->end = end_in(last);
  }
  for (size_t i = pages_.size(); static_cast<int64_t>(i) * kPageTokens < end; ++i) {
    put_page(i, std::make_shared<Page>(layout_->page_bytes()));
    pages_[i]->end = end_in(i);
  }
}

void RowPages::shorten(int64_t n_tokens) {
  const auto n_pages = static_cast<size_t>((n_tokens + kPageTokens - 1) / kPageTokens);
  WN_CHECK(n_pages <= pages_.size());
  pages_.resize(n_pages);
  bytes_.resize(n_pages);
}

uint8_t* RowPages::row(size_t array, int64_t i) {
  const PageLayout::Array& a = layout_->array(array);
  Page& page = *pages_[static_cast<size_t>(i / a.rows_per_page())];
  return page.bytes.get() + a.offset + i % a.rows_per_page() * a.row_bytes;
}

int64_t RowPages::rows_together(size_t array, int64_t i) const {
  const int64_t n = layout_->array(array).rows_per_page();
  return n - i % n;
}

kernels::PagedRows RowPages::view(size_t array) const {
  const PageLayout::Array& a = layout_->array(array);
  return {bytes_.data(), a.offset, std::countr_zero(static_cast<uint64_t>(a.rows_per_page()))};
}

void RowPages::copy_out(int64_t first, int64_t end, std::span<uint8_t> to) const {
  WN_CHECK(static_cast<int64_t>(to.size()) == layout_->bytes(end - first));
  const uint8_t* page = bytes_[static_cast<size_t>(first / kPageTokens)];
  uint8_t* out = to.data();
  for (const PageLayout::Array& a : layout_->arrays()) {
    const auto n_bytes = static_cast<size_t>(a.n_rows(end - first) * a.row_bytes);
    std::memcpy(out, page + a.offset + a.n_rows(first % kPageTokens) * a.row_bytes, n_bytes);
    out += n_bytes;
  }
}

void RowPages::copy_in(int64_t first,
                       int64_t end,
                       int64_t n_tokens,
                       std::span<const uint8_t> from) {
  WN_CHECK(static_cast<int64_t>(from.size()) == layout_->bytes(end - first));
  uint8_t* page = pages_[static_cast<size_t>(first / kPageTokens)]->bytes.get();
  const uint8_t* in = from.data();
  for (const PageLayout::Array& a : layout_->arrays()) {
    std::memcpy(page + a.offset + a.n_rows(first % kPageTokens) * a.row_bytes, in,
                static_cast<size_t>(a.n_rows(n_tokens) * a.row_bytes));
    in += a.n_rows(end - first) * a.row_bytes;
  }
}

void RowPages::put_page(size_t index, std::shared_ptr<Page> page) {
  WN_CHECK(index <= pages_.size());
  if (index == pages_.size()) {
    pages_.emplace_back();
    bytes_.push_back(nullptr);
  }
  bytes_[index] = page->bytes.get();
  pages_[index] = std::move(page);
}

}  // namespace widenet::engine
