public class A {
  private static final Logger log = make();
  static final int MAX_SIZE = 1;
  @Override public void Weird_name() {}
}
