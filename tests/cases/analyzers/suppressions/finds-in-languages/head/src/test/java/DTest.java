class DTest {
  @Disabled
  void a() {}
  @Disabled("slow machine")
  void b() {}
  @SuppressWarnings({"unchecked", "rawtypes"})
  void c() {} // NOSONAR
}
