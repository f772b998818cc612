/** Says it. */
public class D {
  public void run() {}
  @Override public void stop() {}
  public int getX() { return 1; }
  /** Says it. */
  public void go() {}
}
class Hidden { public void run() {} }
